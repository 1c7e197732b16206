"""Records as the outside sees them: no bare id is left in them."""

from datetime import date
from uuid import UUID

import pytest

from billing.domain.public_fields import told_outside
from billing.domain.public_ids import Kind

KIM = UUID("0d3f6f8e-1111-4222-8333-444455556666")
LETTERS = "bu7w7dqrcfbcfaztircfkvlgmy"


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("charge", "ch"),
        ("charge_id", "ch"),
        ("charges", "ch"),
        ("charge_ids", "ch"),
        ("untold_sources", "source"),
        ("endpoint_id", "we"),
        ("webhook_endpoint_id", "we"),
        ("api_key", "key"),
    ],
)
def test_the_name_of_a_field_tells_what_its_id_names(name, prefix):
    assert told_outside({name: KIM}) == {name: f"{prefix}_{LETTERS}"}
    assert told_outside({name: str(KIM)}) == {name: f"{prefix}_{LETTERS}"}
    assert told_outside({name: (KIM, None)}) == {name: [f"{prefix}_{LETTERS}", None]}


def test_what_the_record_is_tells_what_its_own_id_names():
    assert told_outside({"id": KIM}, Kind.REFUND) == {"id": f"re_{LETTERS}"}
    assert told_outside({"id": 42, "event_id": 43, "sequence": 3}, Kind.EVENT) == {
        "id": "evt_42",
        "event_id": "evt_43",
        "sequence": 3,
    }
    assert told_outside({"kind": "charge", "id": str(KIM)}) == {"kind": "charge", "id": f"ch_{LETTERS}"}
    assert told_outside({"subject": "invoice", "id": str(KIM)}) == {"subject": "invoice", "id": f"inv_{LETTERS}"}
    told = told_outside({"subject_type": "customer", "subject_id": str(KIM)})
    assert told == {"subject_type": "customer", "subject_id": f"cus_{LETTERS}"}


def test_an_id_of_something_that_has_no_prefix_stays():
    assert told_outside({"id": KIM, "payment": str(KIM)}) == {"id": str(KIM), "payment": str(KIM)}
    record = {"kind": "webhook", "id": "7"}
    assert told_outside(record) == record


def test_sentences_and_records_within_records_are_told_alike():
    record = {"details": {"why": f"charge {KIM} is late", "refund": str(KIM)}, "each": [{"invoice_id": KIM}]}
    assert told_outside(record) == {
        "details": {"why": f"charge ch_{LETTERS} is late", "refund": f"re_{LETTERS}"},
        "each": [{"invoice_id": f"inv_{LETTERS}"}],
    }


def test_everything_else_stays_as_it_is():
    record = {"amount_minor": 9900, "charge": None, "on": date(2027, 3, 1), "gateway_source_id": "src_1", "ok": True}
    assert told_outside(record) == record
