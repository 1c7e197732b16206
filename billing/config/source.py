"""Reads the settings from ``config.toml`` and the environment, and says what is wrong with them in sentences."""

import difflib
import os
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from billing.config.environment import FILE_VARIABLE, Environment, read_environment
from billing.config.kinds import Setting, merged, settings_in, value_at
from billing.config.problems import Problem
from billing.config.rules import problems_of
from billing.config.secrets import secrets_in_file
from billing.config.settings import Settings
from billing.config.urls import shown_url

DEFAULT_FILE: Final = Path("config.toml")
_LONGEST_SHOWN: Final = 12
"""A value of the environment that is longer may be a secret under a wrong name."""


class BadConfig(ValueError):
    """The configuration cannot be used; the text names each key, what is wrong with it, and the remedy."""


class Origin(StrEnum):
    """Where the value of a setting may come from; what comes later wins."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings, and where they come from: ``file`` (None: there is none) and the environment over it."""

    settings: Settings
    file: Path | None
    told: dict[str, Any] = field(repr=False)
    environment: Environment

    def origin_of(self, setting: Setting) -> tuple[Origin, str | None]:
        """Return what kind of place the value of a setting comes from, and which: a variable (or several), a file."""
        names = [name for path, name in self.environment.variables.items() if path[: len(setting.path)] == setting.path]
        if names:
            return Origin.ENVIRONMENT, ", ".join(sorted(names))
        return (Origin.DEFAULT, None) if value_at(self.told, setting.path) is None else (Origin.FILE, str(self.file))


def read_settings(path: Path | None = None) -> Settings:
    """Return the settings of ``path``, or of ``$BILLING_CONFIG``, or of ``config.toml``, or the defaults.

    Environment variables win over the file: ``BILLING_DATABASE__URL`` sets ``database.url``. Secrets come from the
    environment, or from the files that its variables name (``BILLING_DATABASE__URL_FILE``).

    :raises BadConfig: the file or a value cannot be used.
    """
    return read_configuration(path).settings


def read_configuration(path: Path | None = None) -> Configuration:
    """Return the settings as :func:`read_settings` does, and where each comes from.

    :raises BadConfig: the file or a value cannot be used.
    """
    named = path or (Path(os.environ[FILE_VARIABLE]) if os.environ.get(FILE_VARIABLE) else None)
    if named is not None and not named.is_file():
        raise BadConfig(f"{named}: there is no such file")
    file = named or DEFAULT_FILE
    told = _read_file(file) if file.is_file() else {}
    environment = read_environment(os.environ)
    if "secrets" in told:
        raise BadConfig(f"{file}: [secrets] must not stand in a file; set BILLING_SECRETS__... in the environment")
    _refuse([f"{file}: {problem.sentence}" for problem in secrets_in_file(told)])
    _refuse([f"environment: {problem}" for problem in environment.problems])
    try:
        settings = Settings.model_validate(merged(told, environment.told))
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False)
        raise BadConfig("\n".join(_sentence(file, told, environment, problem) for problem in problems)) from None
    _refuse([_placed(file, told, environment, problem) for problem in problems_of(settings)])
    return Configuration(settings, file if file.is_file() else None, told, environment)


def _refuse(sentences: list[str]) -> None:
    if sentences:
        raise BadConfig("\n".join(sentences))


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{file}: not readable as TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{file}: cannot be read: {error}") from None


def _placed(file: Path, told: dict[str, Any], environment: Environment, problem: Problem) -> str:
    """Say where the value that is wrong comes from; the file is blamed for what stands in it only."""
    setting, value = problem.setting, problem.value
    variable = environment.variable_of(setting.path)
    if variable is None:
        named = "" if value is None else f"{setting.key} = {value!r}: "
        is_in_file = value_at(told, setting.path) is not None
        return f"{file if is_in_file else 'configuration'}: {named}{problem.sentence}"
    if value is not None and "://" in value:
        return f"environment: {variable} = {value!r}: {problem.sentence}"
    named = "" if variable in problem.sentence else f"{variable}: "
    return f"environment: {named}{problem.sentence}"


def _sentence(file: Path, told: dict[str, Any], environment: Environment, problem: Any) -> str:
    place = problem["loc"]
    key = ".".join(str(part) for part in place)
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(place[-1]), _keys_beside(place), n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(_keys_beside(place))}"
        return f"{file}: {key} is not a setting{hint}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    message = f"{message[:1].lower()}{message[1:]}" if message[1:2].islower() else message
    variable = environment.variable_of(place)
    value = _shown(place, value_at(told, place) if variable is None else value_at(environment.told, place))
    if variable is None:
        return f"{file}: {key}{value}: {message}"
    if len(value) > _LONGEST_SHOWN + len(" = ''"):
        value = ""
    return f"environment: {variable}{value}: {message}"


def _shown(place: tuple[Any, ...], value: Any) -> str:
    """Return a value that was refused, as far as it may be shown."""
    setting = next((each for each in settings_in(Settings) if each.path == place[: len(each.path)]), None)
    if value is None or isinstance(value, dict) or setting is None or setting.is_secret:
        return ""
    return f" = {shown_url(value) if isinstance(value, str) else value!r}" if setting.mark else f" = {value!r}"


def _keys_beside(place: tuple[Any, ...]) -> list[str]:
    model: Any = Settings
    for part in place[:-1]:
        found = model.model_fields.get(part) if isinstance(part, str) else None
        inner = found.annotation if found is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return sorted(model.model_fields)
