"""Asks the gateway about disputes, so that one whose webhook was lost, or whose end was, is learned all the same."""

from collections.abc import Sequence
from datetime import datetime

import structlog

from billing.domain.disputes import DisputeAnswer, DisputesRead, DisputesRefused, Told, is_news
from billing.domain.identity import reference_prefix
from billing.operations.disputes import record_disputes
from billing.operations.engine import Engine
from billing.operations.reconcile_charges import Asked
from billing.store.disputes import known_disputes, owner_of_payment
from billing.store.installation import load_installation

log = structlog.get_logger()


def ask_about_disputes(engine: Engine, dispute_ids: Sequence[str], now: datetime) -> tuple[Asked, str | None]:
    """Ask about disputes that are known here (``now``: UTC); also return why they cannot be seen, or None."""
    answers = engine.gateway.find_disputes(dispute_ids)
    asked = Asked(reads=len(answers))
    asked.unread = sum(not isinstance(each, DisputesRead | DisputesRefused) for each in answers)
    told = [dispute for each in answers if isinstance(each, DisputesRead) for dispute in each.told]
    _record_news(engine, told, asked, now)
    return asked, next((each.reason for each in answers if isinstance(each, DisputesRefused)), None)


def take_up_disputes(engine: Engine, page: DisputeAnswer, now: datetime) -> tuple[Asked, str | None]:
    """Write down what is new in a page of the account's disputes (``now``: UTC); as above also return why not."""
    asked = Asked(reads=1)
    if isinstance(page, DisputesRefused):
        return asked, page.reason
    if not isinstance(page, DisputesRead):
        asked.unread = 1
        return asked, page.reason[:200]
    if page.unread:
        log.warning("disputes_not_readable", disputes=page.unread)
    _record_news(engine, page.told, asked, now)
    return asked, None


def _record_news(engine: Engine, told: Sequence[Told], asked: Asked, now: datetime) -> None:
    """Write down what is new of the disputes of our payments; what every round tells again costs no transaction."""
    with engine.database.snapshot() as tx:
        prefix = reference_prefix(load_installation(tx).id)
        known = known_disputes(tx, [each.dispute_id for each in told])
        news = [
            each
            for each in told
            if is_news(known.get(each.dispute_id), each) and owner_of_payment(tx, each.payment_id) is not None
        ]
    ends = record_disputes(engine, list(enumerate(news)), prefix, now=now)
    asked.found += sum(end == ("processed", None) for end in ends.values())
