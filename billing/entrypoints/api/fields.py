"""The kinds of values a request may hold. Each refusal says what would be right."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from billing.domain.countries import WANTED, is_country
from plans.visible_text import clean_reference, clean_text

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL: Final = re.compile(rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}@(?:{_LABEL}\.)+{_LABEL}")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_KOREAN_MOBILE: Final = re.compile(r"(01[016789])-?([0-9]{3,4})-?([0-9]{4})")
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_WHOLE: Final = re.compile(r"[0-9]{1,19}")


def _text(longest: int) -> Callable[[str], str]:
    return lambda value: clean_text(value, longest)


def _reference(value: str) -> str:
    text = clean_reference(value, 100)
    if {".", ".."} & set(text.split("/")):
        raise ValueError("must not be . or .., nor hold them between slashes: in a path they mean another one")
    return text


def _email(value: str) -> str:
    local, _, _ = value.partition("@")
    doubtful = local.startswith(".") or local.endswith(".") or ".." in local
    if len(value) > 254 or doubtful or not _EMAIL.fullmatch(value):
        raise ValueError("is no e-mail address; write one such as kim@example.com")
    return value


def _phone(value: str) -> str:
    if _E164.fullmatch(value) and not value.startswith("+820"):
        return value
    mobile = _KOREAN_MOBILE.fullmatch(value)
    if mobile is None:
        raise ValueError("must be a phone number such as 010-1234-5678 or +821012345678")
    return f"+82{mobile[1][1:]}{mobile[2]}{mobile[3]}"


def _country(value: str) -> str:
    if not is_country(value):
        raise ValueError(WANTED)
    return value


def _url(value: str) -> str:
    if len(value) > 1024:
        raise ValueError("must have at most 1024 characters")
    if not all("!" <= character <= "~" for character in value) or "\\" in value:
        raise ValueError("must be an absolute URL of visible ASCII characters without a backslash")
    return value


def _instant(value: object) -> datetime:
    wrong = "must be an instant with its offset, such as 2027-01-31T10:00:00+09:00"
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError(wrong)
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(wrong) from None
    if not 2000 <= instant.year <= 2200:
        raise ValueError("must lie in the years 2000 to 2200")
    return instant.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number in a query, from ``least`` to ``most``."""

    least: int
    most: int

    def read(self, value: object) -> int:
        """Return the number that text means.

        :raises ValueError: it means none, or one out of bounds.
        """
        # int() would take " 5 ", "1_000" and other scripts' digits.
        if isinstance(value, str) and not _WHOLE.fullmatch(value):
            raise ValueError("must be a whole number in the digits 0 to 9")
        number = int(value) if isinstance(value, str | int) else -1
        if not self.least <= number <= self.most:
            raise ValueError(f"must be a whole number from {self.least} to {self.most}")
        return number

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


def _day(value: object) -> date:
    wrong = "must be a day such as 2027-01-31"
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ValueError(wrong)
    try:
        day = date.fromisoformat(value)
    except ValueError:
        raise ValueError(wrong) from None
    if not 2000 <= day.year <= 2200:
        raise ValueError("must lie in the years 2000 to 2200")
    return day


PLAN_CODE: Final = r"^[a-z][a-z0-9-]{0,49}$"
CURRENCY: Final = r"^[A-Z]{3}$"
PATTERNS_SAID: Final = {
    PLAN_CODE: "must be a code such as basic-yearly: a to z, 0 to 9 and -, a letter first, at most 50 characters",
    CURRENCY: "must be three capital letters, such as KRW",
}
"""What a pattern wants, for people."""


def _said(**schema: Any) -> WithJsonSchema:
    """Have the OpenAPI document say what it can of a rule. What it cannot, the refusal says."""
    return WithJsonSchema({"type": "string", **schema})


PlanCode = Annotated[str, Field(pattern=PLAN_CODE)]
Currency = Annotated[str, Field(pattern=CURRENCY)]
Reference = Annotated[str, AfterValidator(_reference), _said(minLength=1, maxLength=100)]
Name = Annotated[str, AfterValidator(_text(100)), _said(minLength=1, maxLength=100)]
Reason = Annotated[
    str,
    AfterValidator(_text(200)),
    _said(minLength=1, maxLength=200, description="Why; the audit trail keeps it for ever: no personal data."),
]
DisputeId = Annotated[str, AfterValidator(_text(100)), _said(minLength=1, maxLength=100)]
Description = Annotated[str, AfterValidator(lambda value: value and clean_text(value, 200)), _said(maxLength=200)]
Email = Annotated[str, AfterValidator(_email), _said(format="email", maxLength=254)]
Phone = Annotated[str, AfterValidator(_phone), _said(pattern=f"^(?:{_E164.pattern}|{_KOREAN_MOBILE.pattern})$")]
Country = Annotated[str, AfterValidator(_country), _said(pattern="^[A-Z]{2}$")]
Url = Annotated[str, AfterValidator(_url), _said(format="uri", maxLength=1024)]
Day = Annotated[date, BeforeValidator(_day), _said(format="date")]
Instant = Annotated[datetime, BeforeValidator(_instant), _said(format="date-time")]
AmountMinor = Annotated[int, Field(ge=1, le=999_999_999)]
TerminalType = Literal["WEB", "WAP", "APP"]
OsType = Literal["ANDROID", "IOS"]
Locale = Literal["ko", "en"]
