"""Charges that met a set-up class, wherever that was learned: settled by the evidence, which may stop charging."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from sqlalchemy import Connection

from billing.domain.cases import Case, Note, Policy, Settlement
from billing.domain.charging import Outcome
from billing.domain.decline_classes import DeclineClass
from billing.domain.event_types import EventType
from billing.domain.set_up_evidence import EVIDENCE, account_is_at_fault, trouble_of, trouble_of_unexplained
from billing.domain.settlement import class_of, settle
from billing.domain.states import LIVE_CHARGE_STATES
from billing.operations.engine import Tally
from billing.store.installation import stop_charging_on_evidence
from billing.store.set_up_evidence import count_tries, load_evidence
from billing.store.writes import Author, note

log = structlog.get_logger()


def is_against_us(case: Case, outcome: Outcome, policy: Policy) -> bool:
    """Say whether an answer may be evidence against our set-up.

    That is a set-up class, or a renewal's decline without a known reason: who is present may have declined it.
    """
    if case.charge_state not in LIVE_CHARGE_STATES:
        return False
    told = class_of(outcome, policy)
    return told is DeclineClass.SET_UP or (told is DeclineClass.UNKNOWN and not case.subscriber_is_present)


def judge_set_up(
    tx: Connection, failed: Sequence[tuple[Case, Outcome]], now: datetime, rules: Policy, tally: Tally
) -> list[tuple[Case, Settlement]]:
    """Decide about charges that met a set-up class; stop charging, in this transaction, if our account is at fault.

    What else the same batch tells must have been written before. ``now`` is a UTC instant; why charging was stopped is
    told to ``tally``.
    """
    unexplained = [case.charge_id for case, told in failed if class_of(told, rules) is DeclineClass.UNKNOWN]
    named = [case for case, _ in failed if case.charge_id not in unexplained]
    evidence = load_evidence(tx, [case.charge_id for case in named], unexplained, now, rules.set_up)
    tries = count_tries(tx, [case.invoice_id for case in named])
    decisions = []
    for case, outcome in failed:
        known = evidence[not case.subscriber_is_present]
        if case.charge_id in unexplained:
            trouble = trouble_of_unexplained(known, rules.set_up)
        else:
            trouble = trouble_of(known, tries.get(case.invoice_id, 0) + 1, rules.set_up)
        decisions.append((case, settle(case, outcome, now=now, policy=rules, trouble=trouble)))
    because = next(filter(None, (account_is_at_fault(each, rules.set_up) for each in evidence.values())), None)
    if because is not None:
        _stop(tx, because, now, tally)
    return decisions


def _stop(tx: Connection, because: str, now: datetime, tally: Tally) -> None:
    told = f"{EVIDENCE}{because}; look at `billing charges list --state declined`, mend it, then `billing go`"
    if not stop_charging_on_evidence(tx, told):
        return  # it is stopped already
    log.error("charging_stopped", because=told)
    note(
        tx,
        None,
        Note(EventType.INSTALLATION_CHARGING_STOPPED, {"because": told}),
        # It is nobody's decision, though it may come to light while somebody acts.
        Author("engine", now),
        subject=("installation", "1"),
    )
    tally.problems.append(f"charging is stopped: {told}")
