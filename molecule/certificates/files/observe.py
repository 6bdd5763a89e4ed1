#!/usr/bin/python3
"""Requests over a new TLS connection each, while a command runs: observe COMMAND...

They go on until what is in /etc/webstack/tls/www is served, since a reload of HAProxy takes its time. Prints as JSON
what the command said, how many requests were made, which failed, and the fingerprints that were served in their order.
"""

import hashlib
import http.client
import json
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

PATIENCE = 20
CERTIFICATE = Path("/etc/webstack/tls/www/certificate.pem")

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
finished = threading.Event()
served: list[str] = []
failures: list[str] = []
made = 0


def visit() -> None:
    global made
    while not finished.is_set():
        connection = http.client.HTTPSConnection("127.0.0.1", 443, timeout=10, context=context)
        try:
            connection.request("GET", "/", headers={"Host": "www.foobar.com"})
            if (status := connection.getresponse().status) != 200:
                failures.append(str(status))
            print_of = hashlib.sha256(connection.sock.getpeercert(binary_form=True)).hexdigest()
            if print_of not in served[-1:]:
                served.append(print_of)
        except (OSError, http.client.HTTPException) as error:
            failures.append(repr(error))
        finally:
            made += 1
            connection.close()
        finished.wait(0.005)


visitor = threading.Thread(target=visit)
visitor.start()
command = sys.argv[1:]
done = subprocess.run(command, check=False, capture_output=True, text=True)
deadline = time.monotonic() + PATIENCE
leaf = CERTIFICATE.read_text().partition("-----END CERTIFICATE-----")
installed = hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf[0] + leaf[1])).hexdigest()
while served[-1:] != [installed] and time.monotonic() < deadline:
    time.sleep(0.05)
finished.set()
visitor.join()
output = done.stdout + done.stderr
print(json.dumps({"status": done.returncode, "output": output, "made": made, "failures": failures, "served": served}))
