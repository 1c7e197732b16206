"""Reads the settings from ``config.toml`` and the environment, and says what is wrong with them in sentences."""

import difflib
import os
import tomllib
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from billing.config import Settings
from billing.config_rules import problems_of

FILE_VARIABLE: Final = "BILLING_CONFIG"
DEFAULT_FILE: Final = Path("config.toml")


class BadConfig(ValueError):
    """The configuration cannot be used; the text names each key, what is wrong with it, and the remedy."""


def read_settings(path: Path | None = None) -> Settings:
    """Return the settings of ``path``, or of ``$BILLING_CONFIG``, or of ``config.toml``, or the defaults.

    Environment variables win over the file: ``BILLING_DATABASE__URL`` sets ``database.url``.

    :raises BadConfig: the file or a value cannot be used.
    """
    named = path or (Path(os.environ[FILE_VARIABLE]) if FILE_VARIABLE in os.environ else None)
    if named is not None and not named.is_file():
        raise BadConfig(f"{named}: there is no such file")
    file = named or DEFAULT_FILE
    told = _read_file(file) if file.is_file() else {}
    if "secrets" in told:
        raise BadConfig(f"{file}: [secrets] must not stand in a file; set BILLING_SECRETS__... in the environment")
    try:
        settings = _settings_of(file)()
    except ValidationError as error:
        raise BadConfig("\n".join(_sentence(file, told, problem) for problem in error.errors())) from None
    except ValueError as error:
        raise BadConfig(f"environment: {error}") from None
    problems = problems_of(settings)
    if problems:
        raise BadConfig("\n".join(f"{file}: {problem}" for problem in problems))
    return settings


def _settings_of(file: Path) -> type[Settings]:
    class FromFile(Settings):
        model_config = SettingsConfigDict(toml_file=file)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del dotenv_settings, file_secret_settings
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    return FromFile


def _read_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"{file}: not readable as TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{file}: cannot be read: {error}") from None


def _sentence(file: Path, told: dict[str, Any], problem: Any) -> str:
    key = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(problem["loc"][-1]), _keys_beside(problem["loc"]), n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(_keys_beside(problem['loc']))}"
        return f"{file}: {key} is not a setting{hint}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    message = f"{message[:1].lower()}{message[1:]}" if message[1:2].islower() else message
    variable = f"BILLING_{'__'.join(str(part) for part in problem['loc'])}".upper()
    if variable in os.environ:
        shown = "" if key.startswith("secrets") else f" = {os.environ[variable]!r}"
        return f"environment: {variable}{shown}: {message}"
    value = _value_at(told, problem["loc"])
    shown = "" if key.startswith("secrets") or value is None else f" = {value!r}"
    return f"{file}: {key}{shown}: {message}"


def _keys_beside(place: tuple[Any, ...]) -> list[str]:
    model: Any = Settings
    for part in place[:-1]:
        field = model.model_fields.get(part) if isinstance(part, str) else None
        inner = field.annotation if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return sorted(model.model_fields)


def _value_at(told: Any, place: tuple[Any, ...]) -> Any:
    for part in place:
        try:
            told = told[part]
        except (KeyError, IndexError, TypeError):
            return None
    return told
