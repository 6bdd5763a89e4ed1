#!/bin/sh
# issue: a new key and certificate for the tiny application, from an authority of this host's own, put in place by renames.
set -eu
umask 077
mkdir -p /etc/webstack/tls/application
chmod 0755 /etc/webstack /etc/webstack/tls /etc/webstack/tls/application
cd /etc/webstack/tls
new="openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30"
for name in ca other; do
    [ -e $name.pem ] || $new -subj /CN=$name -addext keyUsage=critical,keyCertSign,cRLSign -keyout $name.key -out $name.pem
done
$new -subj /CN=application -CA ca.pem -CAkey ca.key -keyout application/.key -out application/.certificate \
    -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=DNS:application.webstack.internal,IP:127.0.0.1,IP:::1
chgrp hello application/.key
chmod 0640 application/.key
chmod 0644 ca.pem other.pem application/.certificate
mv application/.key application/key.pem
mv application/.certificate application/certificate.pem
