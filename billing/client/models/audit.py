"""What calls about audit answer. Written by `make client` from the OpenAPI document."""

from datetime import datetime
from typing import Any, Literal

from billing.client.answers import Answer


class AuditEntry(Answer):
    """What somebody decided. ``subject_id`` is the prefixed id of what has one, and the code of a plan.

    ``hash`` is SHA-256 over this entry as it is stored and the hash of the one before it.
    """

    object: Literal["audit_entry"] = "audit_entry"
    number: int
    at: datetime
    actor: str
    act: str
    subject_type: str
    subject_id: str
    reason: str
    details: dict[str, Any]
    previous_hash: str
    hash: str
