"""Why a connection could not be made, in words, whatever library wraps the error."""

import socket
import ssl

import pytest

from billing.client import causes as causes_of_the_client
from billing.domain import causes


@pytest.fixture(params=[causes, causes_of_the_client], ids=["engine", "client"])
def why_not_connected(request):
    """The client is free of the engine, so each has this function, and both say the same."""
    return request.param.why_not_connected


class Wrapped(Exception):
    """An error of an HTTP library, which keeps what it came from."""


def refused_certificate(message=None):
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    if message is not None:
        error.verify_message = message
    return error


def came_from(cause):
    error = Wrapped("cannot connect")
    error.__cause__ = cause
    return error


def kept_as(name, cause):
    error = Wrapped("cannot connect")
    setattr(error, name, cause)
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the name of the host is not known"),
        (ConnectionRefusedError(111, "Connection refused"), "nothing listens there, or a firewall refuses it"),
        (ConnectionResetError(104, "Connection reset"), "the other side closed the connection"),
        (TimeoutError(), "no connection in time"),
        (refused_certificate("self-signed certificate"), "its certificate is refused: self-signed certificate"),
        (refused_certificate(), "its certificate is refused: it cannot be verified"),
        (ssl.SSLError(1, "wrong version number"), "TLS cannot be agreed on: SSLError"),
        (OSError(101, "Network is unreachable"), "Network is unreachable"),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, Exception) else None,
)
@pytest.mark.parametrize("how", ["itself", "__cause__", "os_error", "certificate_error"])
def test_the_cause_is_found_wherever_a_library_keeps_it(why_not_connected, cause, words, how):
    error = cause if how == "itself" else came_from(cause) if how == "__cause__" else kept_as(how, cause)
    assert why_not_connected(error) == words


def test_a_certificate_says_more_than_the_connection_that_it_broke(why_not_connected):
    broken = came_from(ConnectionResetError(104, "Connection reset"))
    broken.certificate_error = refused_certificate("certificate has expired")
    assert why_not_connected(broken) == "its certificate is refused: certificate has expired"


def test_an_error_without_a_known_cause_is_called_by_its_name(why_not_connected):
    assert why_not_connected(Wrapped("secret")) == "Wrapped"


def test_causes_that_point_at_each_other_end(why_not_connected):
    one, two = Wrapped(), Wrapped()
    one.__cause__, two.__cause__ = two, one
    assert why_not_connected(one) == "Wrapped"
