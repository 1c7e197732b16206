"""How countries and instants are read and written."""

from datetime import UTC, datetime

from a_case import KST, kst

from billing.domain.countries import is_country
from billing.domain.event_types import EventType
from billing.domain.instants import in_utc


def test_a_country_is_named_by_its_two_capital_letters():
    assert is_country("KR")
    assert not any(is_country(each) for each in ("kr", "KOR", "XX", ""))


def test_an_instant_is_written_in_utc_with_a_z_whatever_zone_it_is_given_in():
    assert in_utc(datetime(2027, 3, 1, 10, 0, tzinfo=KST)) == "2027-03-01T01:00:00Z"
    assert in_utc(kst("2027-03-01 09:00").astimezone(UTC)) == "2027-03-01T00:00:00Z"


def test_an_event_is_about_what_its_type_begins_with():
    assert EventType.WEBHOOK_ENDPOINT_TESTED.subject == "webhook_endpoint"
    assert EventType.REFUND_OBLIGATION_CREATED.subject == "refund_obligation"
