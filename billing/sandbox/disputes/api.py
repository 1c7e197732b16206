"""The acts behind ``/disputes``, as far as the official SDKs have them."""

from typing import Any, Final

from billing.sandbox.call import Call, Refused, Reply
from billing.sandbox.checks import is_text
from billing.sandbox.disputes.bodies import dispute_details, dispute_summary
from billing.sandbox.disputes.moves import move_dispute
from billing.sandbox.disputes.records import Dispute
from billing.sandbox.instants import Instant
from billing.sandbox.searching.values import query_instant, query_number
from billing.sandbox.world import World

_LIMIT: Final = 50
_LIMIT_MAX: Final = 250
#: The bounds where a query names none.
_ALWAYS: Final = 2**62


def list_disputes(world: World, call: Call) -> Reply:
    """Newest first, narrowed by the filters of the query, which the answer repeats."""
    limit = query_number(call, "limit", _LIMIT, code="paging_limit_invalid")
    skip = query_number(call, "skip", 0, code="paging_skip_invalid")
    if not 1 <= limit <= _LIMIT_MAX:
        raise Refused(422, "paging_limit_invalid")
    start, end = query_instant(call, "from", 0), query_instant(call, "to", _ALWAYS)
    found = [
        each for each in reversed(world.disputes.by_id.values())
        if start <= each.received_at <= end and _fits(world, each, call)
    ]  # fmt: skip
    page = [dispute_summary(world, each, call.base_url) for each in found[skip : skip + limit]]
    echoed = {name: value for name, value in call.query.items() if name not in {"limit", "skip"}}
    return Reply(200, {"limit": limit, "skip": skip, **echoed, "total_count": len(found), "data": page})


def _fits(world: World, dispute: Dispute, call: Call) -> bool:
    payment = world.ledger.payments[dispute.payment_id]
    query = call.query
    wanted = {
        "id": query.get("id", dispute.id) == dispute.id,
        "payment_id": query.get("payment_id", payment.id) == payment.id,
        "payment_reference": query.get("payment_reference", payment.reference) == payment.reference,
        "statuses": dispute.status in query.get("statuses", dispute.status).split(","),
        "payment_arn": "payment_arn" not in query,  # wallets have none
    }
    return all(wanted.values())


def get_dispute(world: World, call: Call) -> Reply:
    return Reply(200, dispute_details(world, _dispute(world, call), call.base_url))


def accept_dispute(world: World, call: Call) -> Reply:
    """The merchant does not object: the money stays with the payer."""
    move_dispute(world, _dispute(world, call), "accepted")
    return Reply(200)


def put_evidence(world: World, call: Call) -> Reply:
    """Keep evidence without sending it in; what was kept under other names stays.

    :raises Refused: 422, nothing is given, or a value is neither text nor a list nor an object.
    """
    dispute, body = _dispute(world, call), call.document()
    if not body:
        raise Refused(422, "fields_required")
    if not all(is_text(each, 100_000) or isinstance(each, list | dict) for each in body.values()):
        raise Refused(422, "evidence_invalid")
    dispute.evidence |= body
    world.disputes.keep(dispute)
    return Reply(204)


def get_evidence(world: World, call: Call) -> Reply:
    dispute = _dispute(world, call)
    if not dispute.evidence:
        raise Refused(404)
    return Reply(200, dispute.evidence | {"_links": {"self": {"href": f"{_self(dispute, call)}/evidence"}}})


def submit_evidence(world: World, call: Call) -> Reply:
    dispute = _dispute(world, call)
    _require(dispute, "evidence_required")
    dispute.submitted_at = world.clock.now()
    move_dispute(world, dispute, "evidence_under_review")
    return Reply(204)


def submit_for_arbitration(world: World, call: Call) -> Reply:
    dispute = _dispute(world, call)
    _require(dispute, "evidence_under_review")
    dispute.arbitrated_at = world.clock.now()
    move_dispute(world, dispute, "arbitration_under_review")
    return Reply(204)


def _require(dispute: Dispute, status: str) -> None:
    """:raises Refused: 422, it is in another status, or there is no evidence to send in."""
    if dispute.status != status:
        raise Refused(422, f"dispute_already_{dispute.status}")
    if not dispute.evidence:
        raise Refused(422, "fields_required")


def submitted_evidence(world: World, call: Call) -> Reply:
    """The document into which what was sent in has been compiled; its file is no part of this sandbox."""
    dispute = _dispute(world, call)
    return _compiled(world, call, dispute, "evidence/submitted", dispute.submitted_at)


def submitted_arbitration_evidence(world: World, call: Call) -> Reply:
    dispute = _dispute(world, call)
    return _compiled(world, call, dispute, "evidence/arbitration/submitted", dispute.arbitrated_at)


def _compiled(world: World, call: Call, dispute: Dispute, path: str, at: Instant | None) -> Reply:
    if at is None:
        raise Refused(404)
    file_id = world.dice.name("file", dispute.id, path)
    return Reply(200, {"file_id": file_id, "_links": {"self": {"href": f"{_self(dispute, call)}/{path}"}}})


def scheme_files(world: World, call: Call) -> Reply:
    """What the scheme sent with the dispute: one file of its opening."""
    dispute = _dispute(world, call)
    files: list[dict[str, Any]] = [
        {"dispute_status": "evidence_required", "file": world.dice.name("file", dispute.id, "scheme")}
    ]
    links = {"self": {"href": f"{_self(dispute, call)}/schemefiles"}}
    return Reply(200, {"id": dispute.id, "files": files, "_links": links})


def _self(dispute: Dispute, call: Call) -> str:
    return f"{call.base_url}/disputes/{dispute.id}"


def _dispute(world: World, call: Call) -> Dispute:
    dispute = world.disputes.by_id.get(call.params["id"])
    if dispute is None:
        raise Refused(404)
    return dispute


def subject_of_dispute(_world: World, call: Call) -> tuple[str | int, ...]:
    return (call.params.get("id", "disputes"), "dispute")
