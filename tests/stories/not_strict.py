"""The stories that make no sense under a strict sandbox: a closed list, each with its reason."""

from enum import StrEnum
from typing import Final


class Why(StrEnum):
    """The only reasons there are."""

    TOLD_LATER = "the refusal in the answer is the story; a strict gateway tells it later (test_refused_later_stories)"
    NOT_TOLD = "a source that the details name is the story; a strict gateway names it in the first answer only"


NOT_STRICT: Final = {
    "test_a_charge_that_was_refused_and_captured_all_the_same_is_found_and_counts_once": Why.TOLD_LATER,
    "test_a_payment_that_tells_of_no_agreement_makes_none": Why.NOT_TOLD,
    "test_a_source_the_gateway_calls_invalid_is_revoked_and_not_tried_again": Why.TOLD_LATER,
    "test_an_agreement_that_is_told_after_the_money_is_taken_up": Why.NOT_TOLD,
    "test_an_error_of_our_set_up_is_told_and_the_enrolment_can_be_repeated": Why.TOLD_LATER,
}
"""Name of a test → why it is not told again under the strict sandbox."""
