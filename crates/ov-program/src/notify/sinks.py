"""Servers that listen to what is told: mail by SMTP, and HTTPS. For tests.

    sinks.py smtp CERT_OUT   STARTTLS and a login are demanded; a certificate of its own is written
    sinks.py https CERT_OUT

The first line on standard output is the port, every further one a JSON object of what came.
"""

import datetime
import email
import email.policy
import http.server
import ipaddress
import json
import os
import socket
import ssl
import sys
import tempfile
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def say(value):
    print(json.dumps(value) if not isinstance(value, int) else value, flush=True)


def certificate(out):
    """A context for a server named localhost; its certificate for those who shall trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile(delete=False) as file:
        file.write(private + public)
    context.load_cert_chain(file.name)
    os.unlink(file.name)
    with open(out, "wb") as file:
        file.write(public)
    return context


def smtp(out):
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
            say(
                {
                    "from": envelope.mail_from,
                    "to": envelope.rcpt_tos,
                    "encrypted": session.ssl is not None,
                    "login": session.auth_data,
                    "headers": dict(mail.items()),
                    "body": mail.get_content(),
                }
            )
            return "250 OK"

    def authenticate(server, session, envelope, mechanism, data):
        login, password = data.login.decode(), data.password.decode()
        good = (login, password) == ("oncovault", "a secret of mail")
        return AuthResult(success=good, handled=False, auth_data=login)

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        Handler(),
        hostname="127.0.0.1",
        port=port,
        tls_context=certificate(out),
        require_starttls=True,
        auth_required=True,
        authenticator=authenticate,
    )
    controller.start()
    say(port)


def https(out):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            say({"path": self.path, "headers": dict(self.headers.items()), "body": body})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = certificate(out).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(server.server_address[1])


if __name__ == "__main__":
    {"smtp": smtp, "https": https}[sys.argv[1]](sys.argv[2])
    # Lives as long as whoever started it.
    sys.stdin.read()
    os._exit(0)
