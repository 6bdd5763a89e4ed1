"""Mistakes in the data of the role certificates, and in the files on the controller that it names."""

from __future__ import annotations

import os.path
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ansible_collections.foobar.webstack.plugins.module_utils import _x509
from ansible_collections.foobar.webstack.plugins.plugin_utils.certificates import (
    Certificate,
    Provider,
    looks_like_address,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.topology.values import (
    ascii_name,
    ip,
    is_address,
    is_dns_name,
)
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation import given_certificates
from ansible_collections.foobar.webstack.plugins.plugin_utils.validation.keys import length_errors

LIFETIMES = range(2, 398)
"""Days. Browsers refuse certificates that live longer (CA/Browser Forum's Baseline Requirements, 6.3.2)."""

# It becomes the name of a folder.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_HTTPS = re.compile(r"https://[^/ ]+.*")
_MAIL = re.compile(r"[^@ ]+@[^@ ]+")
_PROVIDER = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
# Of lego's providers, those that Debian's package (4.9.1 in Debian 12 and 13) was built without; its help has them.
# fmt: off
_NOT_PACKAGED = frozenset([
    "acme-dns", "alidns", "auroradns", "azure", "bindman", "civo", "cloudflare", "designate", "dnsimple", "dnspod",
    "edgedns", "exoscale", "freemyip", "ibmcloud", "iij", "iijdpf", "infoblox", "linode", "liquidweb", "namedotcom",
    "namesilo", "ns1", "oraclecloud", "porkbun", "sakuracloud", "scaleway", "tencentcloud", "transip", "vegadns",
    "vinyldns", "vkcloud", "yandexcloud",
])
# fmt: on
_ENVIRONMENT = re.compile(r"[A-Z][A-Z0-9_]*")
_LISTEN = re.compile(r".+:[0-9]+")


@dataclass(frozen=True)
class Binding:
    """External account binding."""

    kid: str = ""
    hmac: str = ""


@dataclass(frozen=True)
class Dns:
    """lego's provider for DNS-01, and what it needs."""

    provider: str = ""
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NameServer:
    """One that takes the record of DNS-01 as an update."""

    address: str = ""
    key: str = "acme"
    secret: str = ""


@dataclass(frozen=True)
class Variables:
    """The role's variables that are checked, with the role's defaults."""

    certificates_list: tuple[Certificate, ...] = ()
    certificates_ca_directory: str = ".ca"
    certificates_trusted: tuple[str, ...] = ()
    certificates_lifetime_days: int = 397
    certificates_renewal_days: int = 30
    certificates_acme_directory: str = "https://acme-v02.api.letsencrypt.org/directory"
    certificates_acme_email: str = ""
    certificates_acme_account_key: str = ""
    certificates_acme_ca: str = ""
    certificates_acme_eab: Binding = Binding()
    certificates_acme_dns: Dns = field(default_factory=Dns)
    certificates_acme_nameserver: NameServer = NameServer()
    certificates_acme_listen: str = "127.0.0.1:8402"


def errors(variables: Variables, files: Mapping[str, str], now: datetime) -> list[str]:
    """A sentence for each mistake.

    `files` holds the contents of the files on the controller by their paths. Of the own CA's key and of the ACME
    account's, only whether they are there is looked at.
    """
    return [
        *_of_names(variables),
        *_of_days(variables),
        *_of_own_ca(variables, files, now),
        *(
            f"certificates_trusted names {path}, which is not a file on the controller; give the path of a PEM file "
            "with CA certificates."
            for path in variables.certificates_trusted
            if os.path.expanduser(path) not in files
        ),
        *(
            error
            for certificate in variables.certificates_list
            for error in _of_certificate(certificate, files, now, dns=_by_dns(variables))
        ),
        *_of_acme(variables, files),
    ]


def _by_dns(variables: Variables) -> bool:
    return bool(variables.certificates_acme_dns.provider or variables.certificates_acme_nameserver.address)


def _of_names(variables: Variables) -> Iterator[str]:
    counts = Counter(certificate.name for certificate in variables.certificates_list)
    for name, count in counts.items():
        if count > 1:
            yield f'certificates_list has {count} certificates named "{name}"; give each a name of its own.'
        if not _NAME.fullmatch(name):
            yield (
                f'certificates_list has the name "{name}", which becomes a folder; use small letters, digits, _ and -.'
            )


def _of_days(variables: Variables) -> Iterator[str]:
    lifetime, renewal = variables.certificates_lifetime_days, variables.certificates_renewal_days
    if lifetime not in LIFETIMES:
        yield (
            f"certificates_lifetime_days is {lifetime}; set it to {LIFETIMES[0]} to {LIFETIMES[-1]} days, since "
            "browsers refuse certificates that live longer."
        )
    if not 1 <= renewal < lifetime:
        yield (
            f"certificates_renewal_days is {renewal}; set it to at least 1 and less than certificates_lifetime_days "
            f"({lifetime}), or every run would renew."
        )


def _of_own_ca(variables: Variables, files: Mapping[str, str], now: datetime) -> Iterator[str]:
    folder = os.path.expanduser(variables.certificates_ca_directory)
    certificate, key = os.path.join(folder, "ca.pem"), os.path.join(folder, "ca.key")
    if certificate not in files:
        return
    if key not in files:
        yield (
            f"certificates_ca_directory has ca.pem but not ca.key; restore {key} from a backup, or remove ca.pem to "
            "start with a new CA."
        )
    try:
        ends = _x509.not_after(_x509.load(files[certificate]))
    except ValueError as reason:
        yield f"certificates_ca_directory: {certificate} is not a certificate ({reason}); restore it from a backup."
        return
    if ends <= now + timedelta(variables.certificates_renewal_days):
        yield (
            f"certificates_ca_directory has a CA that expires on {ends:%Y-%m-%d}; replace it: ansible-playbook "
            "playbooks/rotate_certificates.yml -e webstack_rotate_ca=true"
        )


def _of_certificate(certificate: Certificate, files: Mapping[str, str], now: datetime, *, dns: bool) -> Iterator[str]:
    where = f'certificates_list, "{certificate.name}":'
    if not certificate.names and certificate.provider is not Provider.FILES:
        yield f"{where} subject_alt_names is empty; list the DNS names and IP addresses by which it is reached."
    for name, count in Counter(certificate.names).items():
        yield from (f"{where} {problem}" for problem in _of_name(name, count, certificate.provider, dns))
    if certificate.activate and not (certificate.unit or certificate.reloaded_unit):
        yield (
            f"{where} activate has no unit; set unit to the systemd unit that must be active for "
            f"{' '.join(certificate.activate)} to be run."
        )
    if certificate.provider is Provider.FILES:
        yield from (f"{where} {problem}" for problem in given_certificates.errors(certificate, files, now))
    elif certificate.certificate or certificate.key:
        yield (
            f"{where} certificate and key are for the provider files, and the provider is "
            f"{certificate.provider.value}; write provider: files, or leave them out."
        )


def _of_name(name: str, count: int, provider: Provider, dns: bool) -> Iterator[str]:
    if count > 1:
        yield f"subject_alt_names has {name} {count} times; keep one."
    if looks_like_address(name):
        if not is_address(name) or str(ip(name)) != name:
            yield f"subject_alt_names has {name}, which is not an IP address in its shortest form; correct it."
    elif not name.isascii():
        yield f'subject_alt_names has "{name}"; write its ASCII form {ascii_name(name)}.'
    elif not is_dns_name(name, wildcard=True):
        yield f'subject_alt_names has "{name}", which is neither a DNS name nor an IP address; correct it.'
    if provider is Provider.ACME and looks_like_address(name):
        yield f"subject_alt_names has {name}, for which ACME issues no certificate here; leave it out."
    if provider is Provider.ACME and name.startswith("*") and not dns:
        yield (
            f"subject_alt_names has {name}, for which ACME issues a certificate over DNS-01 only; set "
            "certificates_acme_dns, or leave the name out."
        )


def _of_acme(variables: Variables, files: Mapping[str, str]) -> Iterator[str]:
    if not any(certificate.provider is Provider.ACME for certificate in variables.certificates_list):
        return
    directory, listen = variables.certificates_acme_directory, variables.certificates_acme_listen
    if not _HTTPS.fullmatch(directory):
        yield (
            f'certificates_acme_directory is "{directory}"; give the URL of an ACME directory, which begins with '
            "https://"
        )
    mail = variables.certificates_acme_email
    if not _MAIL.fullmatch(mail):
        yield f'certificates_acme_email is "{mail}"; give the mail address of the ACME account.'
    binding, dns = variables.certificates_acme_eab, variables.certificates_acme_dns
    if bool(binding.kid) != bool(binding.hmac):
        yield "certificates_acme_eab has only one of kid and hmac; give both, as the CA gave them to you."
    if dns.environment and not dns.provider:
        yield "certificates_acme_dns has an environment and no provider; set provider to lego's code of your DNS."
    if dns.provider and not _PROVIDER.fullmatch(dns.provider):
        yield (
            f'certificates_acme_dns.provider is "{dns.provider}"; write the code of a provider from '
            "https://go-acme.github.io/lego/dns/, such as hetzner."
        )
    if dns.provider in _NOT_PACKAGED:
        yield (
            f"certificates_acme_dns.provider is {dns.provider}, which Debian's lego was built without; delegate "
            "_acme-challenge by a CNAME to another DNS service, or use exec with a program of your own."
        )
    for name in dns.environment:
        if not _ENVIRONMENT.fullmatch(name):
            yield (
                f'certificates_acme_dns.environment has "{name}"; write the name of a variable that lego dnshelp says, '
                "such as HETZNER_API_KEY."
            )
    yield from _of_name_server(variables)
    if not _LISTEN.fullmatch(listen):
        yield f'certificates_acme_listen is "{listen}"; give address:port, such as 127.0.0.1:8402.'
    for variable in ("certificates_acme_ca", "certificates_acme_account_key"):
        path = getattr(variables, variable)
        if path and os.path.expanduser(path) not in files:
            yield (
                f"{variable} is {path}, which is not a file on the controller; give the path of a PEM file, or leave "
                "it out."
            )


def _of_name_server(variables: Variables) -> Iterator[str]:
    server = variables.certificates_acme_nameserver
    if server == NameServer():
        return
    if variables.certificates_acme_dns.provider:
        yield "certificates_acme_dns and certificates_acme_nameserver are both set; leave one of them out."
    if not is_address(server.address):
        yield (
            f'certificates_acme_nameserver.address is "{server.address}"; give the bare IPv4 or IPv6 address of the '
            "name server."
        )
    yield from length_errors("certificates_acme_nameserver.secret", server.secret)
