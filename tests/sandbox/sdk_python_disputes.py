"""Disputes: each call once, where it has something to do."""

from typing import Any

from checkout_sdk.disputes.disputes import DisputeEvidenceRequest, DisputesQueryFilter
from sdk_python import Recorder, call, captured, given


def disputed(sdk: Recorder, shop: Any) -> str:
    payment = captured(sdk, shop).id
    return shop.control("POST", "disputes", {"payment_id": payment})["id"]


def answered(sdk: Recorder, shop: Any) -> str:
    """A dispute with evidence that was sent in."""
    dispute = disputed(sdk, shop)
    sdk.disputes.put_evidence(dispute, given(DisputeEvidenceRequest, additional_evidence_text="agreed on 1 March"))
    sdk.disputes.submit_evidence(dispute)
    return dispute


@call("disputes.query")
def _(sdk, shop, _receiver):
    dispute = disputed(sdk, shop)
    found = sdk.disputes.query(given(DisputesQueryFilter, statuses="evidence_required", limit=5, skip=0))
    assert ([each.id for each in found.data], found.total_count) == ([dispute], 1)


@call("disputes.get_dispute_details")
def _(sdk, shop, _receiver):
    shown = sdk.disputes.get_dispute_details(disputed(sdk, shop))
    assert (shown.status, shown.payment.amount) == ("evidence_required", 12900)


@call("disputes.accept")
def _(sdk, shop, _receiver):
    dispute = disputed(sdk, shop)
    sdk.disputes.accept(dispute)
    assert sdk.disputes.get_dispute_details(dispute).status == "accepted"


@call("disputes.put_evidence")
def _(sdk, shop, _receiver):
    answered(sdk, shop)


@call("disputes.get_evidence")
def _(sdk, shop, _receiver):
    assert sdk.disputes.get_evidence(answered(sdk, shop)).additional_evidence_text == "agreed on 1 March"


@call("disputes.submit_evidence")
def _(sdk, shop, _receiver):
    assert sdk.disputes.get_dispute_details(answered(sdk, shop)).status == "evidence_under_review"


@call("disputes.submit_arbitration_evidence")
def _(sdk, shop, _receiver):
    dispute = answered(sdk, shop)
    assert sdk.disputes.submit_arbitration_evidence(dispute).http_metadata.status_code == 204


@call("disputes.get_compiled_submitted_evidence")
def _(sdk, shop, _receiver):
    assert sdk.disputes.get_compiled_submitted_evidence(answered(sdk, shop)).file_id


@call("disputes.get_compiled_submitted_arbitration_evidence")
def _(sdk, shop, _receiver):
    dispute = answered(sdk, shop)
    sdk.disputes.submit_arbitration_evidence(dispute)
    assert sdk.disputes.get_compiled_submitted_arbitration_evidence(dispute).file_id


@call("disputes.get_dispute_scheme_files")
def _(sdk, shop, _receiver):
    dispute = disputed(sdk, shop)
    assert sdk.disputes.get_dispute_scheme_files(dispute).id == dispute
