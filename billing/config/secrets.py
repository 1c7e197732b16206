"""The rule for every secret: where it may stand, and which values live mode refuses."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr

from billing.config.kinds import FILE_SUFFIX, DatabaseUrl, Setting, settings_in, value_at
from billing.config.problems import Problem
from billing.config.settings import BUILT_IN_SECRETS, Settings
from billing.store import database_url
from billing.store.database_url import BadDatabaseUrl, read_database_url

_LONGEST_FILE: Final = 65_536
_LEAST_LENGTHS: Final = {"secrets.endpoint_keys": 32, "secrets.metrics_key": 24, "secrets.webhook_keys": 16}
_MAKE_ONE: Final = "make one with `openssl rand -hex 32`"


class BadSecretFile(ValueError):
    """A file that a secret should be read from cannot be used; the text names it and the remedy."""


def secret_problems(settings: Settings) -> Iterator[Problem]:
    """Yield what is wrong with the secrets of these settings. No sentence shows a part of one."""
    for setting in settings_in(Settings):
        for value in _secrets_of(setting, settings) if setting.is_secret else ():
            problem = _wrong_with(setting, value, is_live=settings.mode == "live")
            if problem is not None:
                yield Problem(setting, f"{setting.variable} {problem}")


def secrets_in_file(told: dict[str, Any]) -> Iterator[Problem]:
    """Yield each secret that stands in what was read from a configuration file, be it right or wrong."""
    for setting in settings_in(Settings):
        value = value_at(told, setting.path) if setting.is_secret else None
        if value is None or (isinstance(setting.mark, DatabaseUrl) and not _holds_password(value)):
            continue
        what = "holds a password, which" if isinstance(setting.mark, DatabaseUrl) else "is a secret, which"
        instead = " (or leave the password to PGPASSFILE)" if isinstance(setting.mark, DatabaseUrl) else ""
        yield Problem(
            setting,
            f"{setting.key} {what} must not stand in a file; set {setting.variable} or "
            f"{setting.variable}{FILE_SUFFIX} in the environment{instead}",
        )


def read_secret_file(variable: str, named: str) -> str:
    """Return the secret in the file that a variable names, without the end of its line.

    :raises BadSecretFile: it cannot be read, is empty, or others than its owner may read or change it.
    """
    file = Path(named)
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as opened:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise BadSecretFile(f"{variable}: {file} is no file")
            if found.st_mode & 0o077:
                mode = stat.S_IMODE(found.st_mode)
                raise BadSecretFile(
                    f"{variable}: {file} may be read or changed by others than its owner (mode {mode:04o}); "
                    f"run `chmod 600 {file}`"
                )
            text = opened.read(_LONGEST_FILE).decode("utf-8")
    except OSError as error:
        raise BadSecretFile(f"{variable}: {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadSecretFile(f"{variable}: {file} is not text in UTF-8") from None
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise BadSecretFile(f"{variable}: {file} is empty")
    return secret


def _secrets_of(setting: Setting, settings: Settings) -> Iterator[str]:
    for value in setting.all_of(settings):
        if isinstance(setting.mark, DatabaseUrl):
            try:
                yield from database_url.secrets_in(read_database_url(value.get_secret_value()))
            except BadDatabaseUrl:
                return  # the rule for URLs tells of it
        elif isinstance(value, SecretStr):
            yield value.get_secret_value()


def _wrong_with(setting: Setting, value: str, *, is_live: bool) -> str | None:
    if not value.isprintable() or value != value.strip():
        return "holds a space at an end, or a character that cannot be seen"
    if is_live and value in BUILT_IN_SECRETS:
        return f"holds a value of the bundled sandbox, which everybody knows; {_MAKE_ONE}, or take Checkout.com's"
    least = _LEAST_LENGTHS.get(setting.key, 1)
    if is_live and len(value) < least:
        return f"is shorter than {least} characters; {_MAKE_ONE}"
    return None


def _holds_password(value: Any) -> bool:
    try:
        return any(database_url.secrets_in(read_database_url(str(value))))
    except BadDatabaseUrl:
        return "@" in str(value)  # what cannot be read may hold one; nothing of it is shown either way
