"""The two links that a subscriber comes back by: Checkout.com sends who failed, or left undecided, by another one."""

from typing import Final

LEFT_BY: Final = "left_by"
"""Name of the query parameter that tells them apart. Whoever changes it changes only which page they see themselves."""
FAILURE: Final = "failure"


def return_links(public_url: str, token: str) -> tuple[str, str]:
    """Return the success and the failure URL of the payment with this return token."""
    back = f"{public_url.rstrip('/')}/v1/return/{token}"
    return back, f"{back}?{LEFT_BY}={FAILURE}"
