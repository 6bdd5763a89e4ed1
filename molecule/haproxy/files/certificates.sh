#!/bin/bash
# A CA for the tests, and what it signs: the load balancer's certificate with a successor, a client's, and those of three web servers,
# of which one holds another name and one is from another CA.
set -o errexit -o nounset -o pipefail
umask 077
mkdir --parents --mode=755 /etc/webstack/tls/www /etc/origin
cd /etc/webstack/tls

issue() { # CA, file, name, subject alternative names
    openssl req -x509 -CA "$1.pem" -CAkey "$1.key" -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n') -subj "/CN=$3" -days 30 \
        -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout "$2.key" -out "$2.crt" -addext "subjectAltName=$4" \
        -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature \
        -addext extendedKeyUsage=serverAuth,clientAuth -addext subjectKeyIdentifier=hash -addext authorityKeyIdentifier=keyid
    cat "$2.crt" "$2.key" >"$2"
    rm "$2.crt" "$2.key"
}

for ca in ca stranger; do
    openssl req -x509 -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n') -subj "/CN=Test $ca" -days 30 \
        -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout $ca.key -out $ca.pem -addext basicConstraints=critical,CA:TRUE \
        -addext keyUsage=critical,keyCertSign,cRLSign -addext subjectKeyIdentifier=hash
done
chmod 644 ca.pem
for file in combined.pem next.pem; do
    issue ca www/$file www.foobar.com DNS:www.foobar.com,IP:127.0.0.1
done
issue ca client.pem client DNS:client
issue ca /etc/origin/9011.pem good.internal DNS:good.internal
issue ca /etc/origin/9012.pem other.internal DNS:other.internal
issue stranger /etc/origin/9013.pem good.internal DNS:good.internal
