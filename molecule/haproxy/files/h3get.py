#!/usr/bin/python3
"""GET over HTTP/3 by OpenSSL's own QUIC: h3get HOST PATH CA [COUNT]

It asks 127.0.0.1:443, each time over a new connection.

Prints a line for each answer: the status (200 or another) and the body. The certificate has to hold HOST.
"""

import ctypes
import ctypes.util
import socket
import sys

S = ctypes.CDLL(ctypes.util.find_library("ssl") or "libssl.so.3")
C = ctypes.CDLL(ctypes.util.find_library("crypto") or "libcrypto.so.3")
P, N, Z = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
for library, name, result, *arguments in [
    (S, "OSSL_QUIC_client_method", P),
    (S, "SSL_CTX_new", P, P),
    (S, "SSL_CTX_set_verify", None, P, N, P),
    (S, "SSL_CTX_load_verify_file", N, P, ctypes.c_char_p),
    (S, "SSL_new", P, P),
    (S, "SSL_free", None, P),
    (S, "SSL_set_bio", None, P, P, P),
    (S, "SSL_set1_host", N, P, ctypes.c_char_p),
    (S, "SSL_ctrl", ctypes.c_long, P, N, ctypes.c_long, ctypes.c_char_p),
    (S, "SSL_set_alpn_protos", N, P, ctypes.c_char_p, ctypes.c_uint),
    (S, "SSL_set1_initial_peer_addr", N, P, P),
    (S, "SSL_set_default_stream_mode", N, P, ctypes.c_uint32),
    (S, "SSL_connect", N, P),
    (S, "SSL_new_stream", P, P, ctypes.c_uint64),
    (S, "SSL_write_ex", N, P, ctypes.c_char_p, Z, ctypes.POINTER(Z)),
    (S, "SSL_stream_conclude", N, P, ctypes.c_uint64),
    (S, "SSL_read_ex", N, P, ctypes.c_char_p, Z, ctypes.POINTER(Z)),
    (C, "BIO_new_dgram", P, N, N),
    (C, "BIO_ADDR_new", P),
    (C, "BIO_ADDR_rawmake", N, P, N, ctypes.c_char_p, Z, ctypes.c_ushort),
]:
    function = getattr(library, name)
    function.restype, function.argtypes = result, arguments

VERIFY_PEER, SET_TLSEXT_HOSTNAME, UNI = 1, 55, 1


class H3Error(Exception):
    pass


def done(result: object, what: str) -> object:
    if not result or result == -1:
        raise H3Error(what)
    return result


def frames(host: str, path: str) -> bytes:
    """A request's head as HTTP/3 has it: a frame HEADERS, of QPACK's static table only."""

    def named(index: int, value: str) -> bytes:
        return bytes([0x50 | index, len(value)]) + value.encode()

    block = b"\0\0" + bytes([0xC0 | 17, 0xC0 | 23]) + named(0, host) + named(1, path)
    return b"\x01\x40" + bytes([len(block)]) + block


def number(data: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer of QUIC, and where the next byte is."""
    size = 1 << (data[at] >> 6)
    return int.from_bytes(data[at : at + size], "big") & ((1 << (8 * size - 2)) - 1), at + size


def get(context: int, host: str, path: str) -> str:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.settimeout(None)
    address = C.BIO_ADDR_new()
    done(C.BIO_ADDR_rawmake(address, socket.AF_INET, socket.inet_aton("127.0.0.1"), 4, socket.htons(443)), "address")
    ssl = done(S.SSL_new(context), "SSL_new")
    bio = C.BIO_new_dgram(udp.fileno(), 0)
    S.SSL_set_bio(ssl, bio, bio)
    S.SSL_ctrl(ssl, SET_TLSEXT_HOSTNAME, 0, host.encode())
    S.SSL_set1_host(ssl, host.encode())
    S.SSL_set_alpn_protos(ssl, b"\x02h3", 3)
    S.SSL_set1_initial_peer_addr(ssl, address)
    S.SSL_set_default_stream_mode(ssl, 0)
    stream = None
    try:
        done(S.SSL_connect(ssl) > 0, "handshake")
        sent, got = Z(), Z()
        control = done(S.SSL_new_stream(ssl, UNI), "control stream")
        done(S.SSL_write_ex(control, b"\x00\x04\x00", 3, sent), "settings")
        stream = done(S.SSL_new_stream(ssl, 0), "stream")
        head = frames(host, path)
        done(S.SSL_write_ex(stream, head, len(head), sent), "request")
        done(S.SSL_stream_conclude(stream, 0), "end of the request")
        buffer, answer = ctypes.create_string_buffer(65536), b""
        while S.SSL_read_ex(stream, buffer, 65536, got):
            answer += buffer.raw[: got.value]
        S.SSL_free(control)
    finally:
        if stream:
            S.SSL_free(stream)
        S.SSL_free(ssl)
        udp.close()
    status, body, at = "none", b"", 0
    while at < len(answer):
        kind, at = number(answer, at)
        length, at = number(answer, at)
        if kind == 1:  # HEADERS: 0xd9 is the static table's ":status 200"
            status = "200" if b"\xd9" in answer[at : at + 3] else answer[at : at + length].hex()
        elif kind == 0:
            body += answer[at : at + length]
        at += length
    return f"{status} {body.decode().strip()}"


host, path, ca = sys.argv[1:4]
context = S.SSL_CTX_new(S.OSSL_QUIC_client_method())
S.SSL_CTX_set_verify(context, VERIFY_PEER, None)
done(S.SSL_CTX_load_verify_file(context, ca.encode()), "CA")
for _ in range(int(sys.argv[4]) if len(sys.argv) > 4 else 1):
    try:
        print(get(context, host, path))
    except H3Error as error:
        print(f"failed: {error}")
