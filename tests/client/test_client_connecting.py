"""Where the client sends a key, and what it says when it cannot connect."""

import socket
import ssl
import subprocess
import threading

import pytest

from billing.client import AsyncBilling, Billing, NoAnswer, Retries

NO_RETRIES = Retries(attempts=1)


@pytest.fixture
def impostor(tmp_path):
    """A server with a certificate that nobody vouches for."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        f"openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=x -keyout {key} -out {certificate}".split(),
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            try:
                line, _ = server.accept()
                context.wrap_socket(line, server_side=True).recv(100)
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        yield f"https://127.0.0.1:{server.getsockname()[1]}"


def test_a_refused_certificate_is_told_in_words(impostor):
    with Billing(impostor, "key", retries=NO_RETRIES) as billing, pytest.raises(NoAnswer) as refused:
        billing.plans.list()
    assert "cannot connect: its certificate is refused: self-signed certificate" in str(refused.value)


def test_a_port_where_nothing_listens_is_told_in_words():
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
    with Billing(url, "key", retries=NO_RETRIES) as billing, pytest.raises(NoAnswer) as refused:
        billing.plans.list()
    assert "cannot connect: nothing listens there" in str(refused.value)


@pytest.mark.parametrize("kind", [Billing, AsyncBilling])
@pytest.mark.parametrize(
    "url",
    ["http://billing.internal", "http://10.0.0.5:8600", "http://localhost.example.com", "http://127.0.0.1.nip.io"],
)
def test_a_key_goes_to_another_machine_in_clear_only_if_that_is_said(kind, url):
    with pytest.raises(ValueError, match="base_url must be https://"):
        kind(url, "key")
    kind(url, "key", allow_http=True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8600", "http://localhost", "http://[::1]:8600", "https://a.example"])
def test_a_key_goes_to_this_machine_or_over_tls(url):
    Billing(url, "key").close()
