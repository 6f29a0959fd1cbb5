"""The lab's web: one page, by HTTP and HTTPS, for whatever host is asked for.

    web.py FOLDER ADDRESS...

FOLDER takes the certificate, made anew at each start: nobody is to trust it.
"""

import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PAGE = b"<!doctype html><title>lab</title><p>A page of the lab's internet.\n"
NAMES = "DNS:example.com,DNS:*.example.com"


class Page(BaseHTTPRequestHandler):
    """Answers every GET with the page."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send it."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
        """Log nothing: a request is no event."""


def certificate(folder: Path) -> ssl.SSLContext:
    """Make a key and a certificate of our own; return what serves them."""
    key, signed = folder / "web.key", folder / "web.crt"
    request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subject = ["-days", "30", "-subj", "/CN=example.com", "-addext", f"subjectAltName={NAMES}"]
    subprocess.run(
        ["openssl", *request, *subject, "-keyout", str(key), "-out", str(signed)],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(signed, key)
    return context


def main() -> None:
    """Serve until the lab ends."""
    folder, *addresses = sys.argv[1:]
    context = certificate(Path(folder))
    for address in addresses:
        plain, secure = (ThreadingHTTPServer((address, port), Page) for port in (80, 443))
        # Hands are shaken in the connection's own thread, not in the one that accepts.
        secure.socket = context.wrap_socket(secure.socket, server_side=True, do_handshake_on_connect=False)
        for server in (plain, secure):
            threading.Thread(target=server.serve_forever).start()


if __name__ == "__main__":
    main()
