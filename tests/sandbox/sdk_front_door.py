"""The host names of Checkout.com on this machine, so that its SDKs can run as they are.

The official SDKs reach fixed hosts over TLS, each merchant under a prefix of its own. Like any program they can be
told by the environment to go through a proxy and to trust one more certificate authority. This is such a proxy, with
such an authority: it ends TLS for Checkout.com's names and hands every byte on to a sandbox, in both directions.
"""

import contextlib
import datetime as dt
import socket
import ssl
import threading
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PREFIX = "kakaosbx"
API, ACCESS = "api.sandbox.checkout.com", "access.sandbox.checkout.com"
NAMES = (API, f"*.{API}", ACCESS, f"*.{ACCESS}")


class FrontDoor:
    """``with FrontDoor(sandbox_url, folder) as door``; ``door.environment`` sends a program through it."""

    def __init__(self, sandbox_url: str, folder: Path) -> None:
        parts = urlsplit(sandbox_url)
        self._sandbox = (parts.hostname, parts.port)
        self._context = _certified(folder)
        self._listening = socket.create_server(("127.0.0.1", 0))
        #: The hosts that were asked for, in order.
        self.hosts: list[str] = []
        url, authority = f"http://127.0.0.1:{self._listening.getsockname()[1]}", str(folder / "authority.pem")
        self.environment = {
            "HTTPS_PROXY": url,
            "https_proxy": url,
            "NO_PROXY": "127.0.0.1,localhost",
            "no_proxy": "127.0.0.1,localhost",
            "REQUESTS_CA_BUNDLE": authority,
            "NODE_EXTRA_CA_CERTS": authority,
            "NODE_USE_ENV_PROXY": "1",
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        """One tunnel: CONNECT, TLS, and then the caller and the sandbox among themselves."""
        try:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                piece = caller.recv(4096)
                if not piece:
                    return
                head += piece
            method, target, *_ = head.decode("ascii").split()
            host = target.partition(":")[0]
            self.hosts.append(host)
            if method != "CONNECT" or not host.endswith((API, ACCESS)):
                caller.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                return
            caller.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with (
                self._context.wrap_socket(caller, server_side=True) as near,
                socket.create_connection(self._sandbox) as far,
            ):
                back = threading.Thread(target=_pump, args=(far, near), daemon=True)
                back.start()
                _pump(near, far)
                back.join()
        except OSError:
            return
        finally:
            caller.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Hand on what comes until there is no more."""
    try:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                target.sendall(piece)
    finally:
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _certified(folder: Path) -> ssl.SSLContext:
    """Make an authority and a certificate of its for Checkout.com's names."""
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests of the sandbox")])
    names = x509.SubjectAlternativeName([x509.DNSName(each) for each in NAMES])
    own = _signed(issuer, issuer, authority, authority, x509.BasicConstraints(ca=True, path_length=0))
    leaf = _signed(x509.Name([]), issuer, key, authority, names)
    pem = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(own.public_bytes(pem))
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "leaf.pem").write_bytes(secret + leaf.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return context


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    extension: x509.ExtensionType,
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(
        issuer, subject, key.public_key(), x509.random_serial_number(), now - dt.timedelta(days=1),
        now + dt.timedelta(days=1),
    )  # fmt: skip
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key())
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    critical = isinstance(extension, x509.BasicConstraints) or not list(subject)
    builder = builder.add_extension(extension, critical).add_extension(own, critical=False)
    if isinstance(extension, x509.BasicConstraints):
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
            decipher_only=False,
        )  # fmt: skip
        builder = builder.add_extension(usage, critical=True)
    else:
        builder = builder.add_extension(authority, critical=False)
    return builder.sign(by, hashes.SHA256())
