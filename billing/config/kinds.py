"""The kinds of settings: how text becomes a value, what marks URLs and secrets, and the one walk over all of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from ipaddress import ip_address
from typing import Annotated, Any, Final, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo

PREFIX: Final = "BILLING_"
BETWEEN: Final = "__"
FILE_SUFFIX: Final = "_FILE"
"""What the name of a variable ends with that names a file, which holds the secret."""


class Section(BaseModel):
    """A table of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _as_whole(value: object) -> object:
    # The environment has only text. What a lax reader would also take (true, 1.0, "1_000") is a mistake.
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if type(value) is not int:
        raise ValueError("must be a whole number")
    return value


def _as_number(value: object) -> object:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value)
    if type(value) not in (int, float):
        raise ValueError("must be a number")
    return value


def _as_flag(value: object) -> object:
    if value in ("true", "false"):
        return value == "true"
    if type(value) is not bool:
        raise ValueError("must be true or false")
    return value


_NUMBER: Final = re.compile(r"\d{1,9}(\.\d{1,9})?")
Whole: Final = BeforeValidator(_as_whole)
Number: Final = BeforeValidator(_as_number)
Minor = Annotated[int, Whole, Field(ge=1, le=999_999_999)]
ClockTime = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
Flag = Annotated[bool, BeforeValidator(_as_flag)]


def _split(value: object) -> object:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _or_none(value: object) -> object:
    return None if value == "" else value


Secret = Annotated[SecretStr | None, BeforeValidator(_or_none)]
"""A value that nobody is shown. A variable that is empty sets nothing."""
SecretList = Annotated[tuple[SecretStr, ...], BeforeValidator(_split)]
"""Secrets that count side by side, in text separated by commas."""


@dataclass(frozen=True, slots=True)
class Url:
    """Marks a setting that is a URL of the web, or a list of them.

    ``checkout``: our secrets are sent there, so in live mode it must be Checkout.com's server of this name (``api``,
    ``access``). None: no secret of ours goes there. ``is_origin``: it has no path. ``because``: why it must be https.
    """

    example: str
    because: str
    checkout: str | None = None
    is_origin: bool = False


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """Marks a setting that is the URL of a database. It may hold a password, so it is kept as a secret."""


def without_last_slash(value: object) -> object:
    """Return a URL, or a list of them, in the one spelling that paths are put behind."""
    if isinstance(value, list):
        return [without_last_slash(each) for each in value]
    return value.rstrip("/") if isinstance(value, str) else value


Trimmed: Final = AfterValidator(without_last_slash)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the model: where it stands, and what its type says of it."""

    path: tuple[str, ...]
    field: FieldInfo

    @property
    def key(self) -> str:
        """Its name in the file, such as ``database.url``."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """The name of its variable, such as ``BILLING_DATABASE__URL``."""
        return f"{PREFIX}{BETWEEN.join(self.path)}".upper()

    @property
    def mark(self) -> Url | DatabaseUrl | None:
        """What kind of URL it is, if it is one."""
        return next((each for each in self.field.metadata if isinstance(each, Url | DatabaseUrl)), None)

    @property
    def is_secret(self) -> bool:
        """Whether its value may be shown to nobody."""
        return SecretStr in list(_types_in(self.field.annotation))

    @property
    def is_list_or_table(self) -> bool:
        """Whether a variable holds it as JSON: it is more than one value, and no list of secrets."""
        return any(each in (list, dict) for each in _types_in(self.field.annotation))

    @property
    def is_table(self) -> bool:
        return dict in list(_types_in(self.field.annotation))

    def of(self, settings: BaseModel) -> Any:
        """Return its value in these settings."""
        return reduce(getattr, self.path, settings)

    def all_of(self, settings: BaseModel) -> tuple[Any, ...]:
        """Return its value, or all of a list; none where it is not set."""
        value = self.of(settings)
        if isinstance(value, list | tuple):
            return tuple(value)
        return () if value is None else (value,)


def settings_in(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[Setting]:
    """Yield every setting of a model. Rules that hold for a kind of settings walk these, so that none is forgotten."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from settings_in(inner, (*above, name))
        else:
            yield Setting((*above, name), field)


def value_at(told: Any, path: tuple[Any, ...]) -> Any:
    """Return what stands at a place of nested tables and lists, or None."""
    for part in path:
        try:
            told = told[part]
        except (KeyError, IndexError, TypeError):
            return None
    return told


def is_loopback(url: str) -> bool:
    """Say whether a URL leads to this machine; what is no URL leads nowhere."""
    try:
        return is_loopback_host(urlsplit(url).hostname or "")
    except ValueError:
        return False


def is_loopback_host(host: str) -> bool:
    """Say whether a name or an address is this machine's own, which no other machine reaches."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return two nested tables as one; where both have a value, the second one's counts."""
    both = dict(below)
    for name, value in above.items():
        under = both.get(name)
        both[name] = merged(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
    return both


def _types_in(annotation: Any) -> Iterator[Any]:
    """Yield a type and all that it is made of."""
    yield getattr(annotation, "__origin__", annotation)
    for inner in get_args(annotation):
        yield from _types_in(inner)
