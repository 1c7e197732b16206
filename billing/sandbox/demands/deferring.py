"""Refusals that are told later: a 202 now, a decline afterwards, as every KakaoPay decline is.

The KakaoPay page answers 202 to each request; what the wallet network says of set-up or source comes by webhook.
"""

from collections.abc import Collection, Iterable
from typing import Final

#: Error code of an immediate refusal → response code of the decline that tells the same later.
_LATER: Final = {
    "payee_not_onboarded": "20003",
    "business_invalid": "20003",
    "business_settings_missing": "20003",
    "merchant_category_code_required": "20003",
    "no_authorization_enabled_processors_available": "20103",
    "payment_method_not_supported": "20103",
    "currency_not_supported": "20106",
    "processing_channel_id_required": "20003",
    "processing_channel_id_invalid": "20003",
    "source_id_invalid": "20101",
}


def split(profiles: Collection[str], codes: Iterable[str]) -> tuple[list[str], str]:
    """Return the codes that are refused at once, and the response code of the decline that tells the others.

    The response code is empty when nothing is told later.
    """
    codes = list(codes)
    if "late-refusals" not in profiles:
        return codes, ""
    later = [_LATER[code] for code in codes if code in _LATER]
    return [code for code in codes if code not in _LATER], later[0] if later else ""
