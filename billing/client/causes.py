"""Why a connection could not be made, in words that name what is to be mended.

The engine has the same of its own: the client is free of it.
"""

from collections.abc import Iterator
from typing import Final

_KINDS: Final = {
    "gaierror": "the name of the host is not known",
    "ConnectionRefusedError": "nothing listens there, or a firewall refuses it",
    "ConnectionResetError": "the other side closed the connection",
    "TimeoutError": "no connection in time",
}
"""By the name of the exception's class: this module opens nothing itself."""
_CERTIFICATE: Final = "SSLCertVerificationError"
_TLS: Final = "SSLError"


def why_not_connected(error: BaseException) -> str:
    """Return what the chain of causes of an error says, the most telling first."""
    chain = list(_causes(error))
    if any(_is_a(cause, _CERTIFICATE) for cause in chain):
        told = next(filter(None, (getattr(cause, "verify_message", None) for cause in chain)), "it cannot be verified")
        return f"its certificate is refused: {told}"
    for cause in chain:
        if _is_a(cause, _TLS):
            return f"TLS cannot be agreed on: {getattr(cause, 'reason', None) or type(cause).__name__}"
    for cause in chain:
        told = next((words for name, words in _KINDS.items() if _is_a(cause, name)), None)
        if told is not None:
            return told
    strerror = next((str(cause.strerror) for cause in chain if isinstance(cause, OSError) and cause.strerror), None)
    return strerror or type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and whatever it came from, each once."""
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and cause not in seen:
            seen.append(cause)
            yield cause
            # aiohttp keeps the cause as an attribute.
            within = [getattr(cause, name, None) for name in ("os_error", "certificate_error")]
            waiting += [*within, cause.__cause__, cause.__context__]


def _is_a(error: BaseException, name: str) -> bool:
    return any(kind.__name__ == name for kind in type(error).__mro__)
