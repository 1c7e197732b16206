"""Response codes: their text, and the wallet network's own code behind some of them."""

from typing import Final

APPROVED: Final = "10000"
CUSTOMER_REFUSED: Final = "20017"
INSUFFICIENT_FUNDS: Final = "20051"
REFUND_WINDOW_OVER: Final = "20158"
REFUND_ERROR: Final = "20006"
UNKNOWN_AGREEMENT: Final = "20101"

_SUMMARIES: Final = {
    APPROVED: "Approved",
    "20003": "Invalid merchant or service provider",
    "20005": "Declined - Do not honour",
    "20006": "Error / Invalid request parameters",
    "20017": "Customer cancellation",
    "20019": "Transaction expired",
    "20051": "Insufficient funds",
    "20059": "Suspected fraud",
    "20061": "Activity amount limit exceeded",
    "20062": "Restricted card",
    "20065": "Exceeds withdrawal frequency limit",
    "20068": "Response received too late / Timeout",
    "20091": "Issuer unavailable or switch is inoperative",
    "20096": "System malfunction",
    "20101": "No account / Token incorrect or invalid",
    "20158": "Refund validity period over",
    "200R1": "Revocation of authorization order",
    "30021": "Total amount limit reached",
    "30046": "Closed account",
    "41101": "Risk blocked transaction",
}

_PARTNER_CODES: Final = {
    "20003": "INVALID_CONTRACT",
    "20005": "PROCESS_FAIL",
    "20017": "USER_CANCELED",
    "20019": "ORDER_IS_CLOSED",
    "20051": "USER_BALANCE_NOT_ENOUGH",
    "20059": "RISK_REJECT",
    "20061": "USER_AMOUNT_EXCEED_LIMIT",
    "20062": "USER_STATUS_ABNORMAL",
    "20065": "PAYMENT_COUNT_EXCEED_LIMIT",
    "20068": "UNKNOWN_EXCEPTION",
    "20096": "SYSTEM_ERROR",
    "20101": "INVALID_ACCESS_TOKEN",
    "200R1": "AGREEMENT_NOT_EXIST",
    "30021": "PAYMENT_AMOUNT_EXCEED_LIMIT",
}

#: What an unscripted decline may be; insufficient funds is by far the commonest.
COMMON_DECLINES: Final = ("20051", "20051", "20051", "20061", "20065", "20059", "20096", "20091", "30046")


def summary(code: str) -> str:
    return _SUMMARIES.get(code, "Declined")


def partner_code(code: str) -> str | None:
    """The Alipay+ result code that plausibly stands behind a response code."""
    return _PARTNER_CODES.get(code)
