"""What calls about plans answer. Written by `make client` from the OpenAPI document."""

from billing.client.answers import Answer
from billing.client.models.shared import IntervalUnit


class Plan(Answer):
    """A plan with its price of today, tax included; nobody can be enrolled on an archived one."""

    code: str
    name: str
    amount_minor: int
    currency: str
    interval: IntervalUnit
    interval_count: int
    trial_days: int
    archived: bool


class Plans(Answer):
    plans: tuple[Plan, ...]
