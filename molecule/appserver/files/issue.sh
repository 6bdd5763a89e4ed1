#!/bin/sh
# issue: a new key and certificate for the tiny application, and an authority that has nothing to do with them.
set -eu
throwaway-ca /etc/webstack/tls/other
throwaway-ca /etc/webstack/tls/ca --folder=/etc/webstack/tls/application --mode=0640 --group=hello \
    application DNS:application.webstack.internal IP:127.0.0.1 IP:::1
