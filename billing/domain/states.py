"""Every state, every event, every legal move and every named set of states, in one place.

Two rules: whatever changes a state goes through :func:`next_state`, and this
module knows nothing of rows, gateways or time. A move that is not in a table
raises :class:`IllegalMove`, and nothing has changed.

Sets of states are named here and nowhere else. ``store.columns.state_in`` renders SQL from them in the order written
here, which is that of the partial indexes: SQLite uses an index only for the very same list.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeVar

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


class SubscriptionState(StrEnum):
    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    UNPAID = "unpaid"
    CANCELED = "canceled"


class SubscriptionEvent(StrEnum):
    ACTIVATE = "activated"
    START_TRIAL = "trial_started"
    EXPIRE_ENROLMENT = "enrolment_expired"
    FALL_PAST_DUE = "fell_past_due"
    RECOVER = "recovered"
    GIVE_UP = "dunning_exhausted"
    PAUSE = "paused"
    RESUME = "resumed"
    RESUME_IN_ARREARS = "resumed_in_arrears"
    CANCEL = "canceled"
    FORGIVE = "forgiven"


class InvoiceState(StrEnum):
    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


class InvoiceEvent(StrEnum):
    PAY = "paid"
    VOID = "voided"
    WRITE_OFF = "written_off"


class ChargeState(StrEnum):
    SENDING = "sending"
    UNKNOWN = "unknown"
    PENDING = "pending"
    CAPTURED = "captured"
    DECLINED = "declined"
    REFUSED = "refused"
    EXPIRED = "expired"
    CANCELED = "canceled"
    PARKED = "parked"


class ChargeEvent(StrEnum):
    ACCEPT = "accepted"
    CAPTURE = "captured"
    DECLINE = "declined"
    REFUSE = "refused"
    EXPIRE = "expired"
    CANCEL = "canceled"
    LOSE = "outcome_unknown"
    RESEND = "resent"
    PARK = "parked"
    RELEASE = "released"
    SETTLE = "settled"
    """A person says that it failed, though the gateway tells no end."""


class RefundState(StrEnum):
    REQUESTED = "requested"
    SENDING = "sending"
    UNKNOWN = "unknown"
    PENDING = "pending"
    REFUNDED = "refunded"
    DECLINED = "declined"
    REFUSED = "refused"
    PARKED = "parked"


class RefundEvent(StrEnum):
    SEND = "sent"
    ACCEPT = "accepted"
    SUCCEED = "refunded"
    DECLINE = "declined"
    REFUSE = "refused"
    LOSE = "outcome_unknown"
    RESEND = "resent"
    PARK = "parked"
    RELEASE = "released"
    SETTLE = "settled"
    """A person says that it failed, though the gateway tells no end."""


class ObligationState(StrEnum):
    """How far a refund that the engine owes is."""

    OWED = "owed"
    """No refund is under way; the next one is made when it is due."""
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    PARKED = "parked"
    """No refund is made until a person, or whoever parked it, releases it."""
    SETTLED = "settled"
    """A person has given the money back by other means."""


class ObligationEvent(StrEnum):
    TRY = "tried"
    FAIL = "try_failed"
    SUCCEED = "refunded"
    PARK = "parked"
    RELEASE = "released"
    SETTLE = "settled"


class SourceState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    SUSPECT = "suspect"
    REVOKED = "revoked"
    REPLACED = "replaced"


class SourceEvent(StrEnum):
    CONFIRM = "confirmed"
    DISCARD = "discarded"
    SUSPECT = "suspected"
    REVOKE = "revoked"
    REPLACE = "replaced"


class RevocationState(StrEnum):
    """How far the gateway knows that an agreement is revoked."""

    NONE = "none"
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    PARKED = "parked"


class RevocationEvent(StrEnum):
    REQUEST = "revocation_requested"
    CONFIRM = "revocation_confirmed"
    PARK = "revocation_parked"
    WITHDRAW = "revocation_withdrawn"
    SETTLE = "revocation_settled"
    """A person says that the agreement cannot be charged any more, though the gateway does not confirm it."""


_S, _SE = SubscriptionState, SubscriptionEvent
SUBSCRIPTION_MOVES: Final[Mapping[SubscriptionState, Mapping[SubscriptionEvent, SubscriptionState]]] = {
    _S.INCOMPLETE: {
        _SE.ACTIVATE: _S.ACTIVE,
        _SE.START_TRIAL: _S.TRIALING,
        _SE.EXPIRE_ENROLMENT: _S.INCOMPLETE_EXPIRED,
        _SE.CANCEL: _S.CANCELED,
    },
    # A first payment captured late is honoured: the subscriber did pay.
    _S.INCOMPLETE_EXPIRED: {_SE.ACTIVATE: _S.ACTIVE, _SE.START_TRIAL: _S.TRIALING},
    _S.TRIALING: {
        _SE.ACTIVATE: _S.ACTIVE,
        _SE.FALL_PAST_DUE: _S.PAST_DUE,
        _SE.CANCEL: _S.CANCELED,
    },
    _S.ACTIVE: {
        _SE.FALL_PAST_DUE: _S.PAST_DUE,
        _SE.PAUSE: _S.PAUSED,
        _SE.CANCEL: _S.CANCELED,
    },
    _S.PAST_DUE: {
        _SE.RECOVER: _S.ACTIVE,
        # The last invoice that was owed was voided or written off: nothing was paid, and nothing is owed any more.
        _SE.FORGIVE: _S.ACTIVE,
        _SE.GIVE_UP: _S.UNPAID,
        _SE.PAUSE: _S.PAUSED,
        _SE.CANCEL: _S.CANCELED,
    },
    _S.PAUSED: {
        _SE.RESUME: _S.ACTIVE,
        _SE.RESUME_IN_ARREARS: _S.PAST_DUE,
        _SE.CANCEL: _S.CANCELED,
    },
    _S.UNPAID: {_SE.RECOVER: _S.ACTIVE, _SE.FORGIVE: _S.ACTIVE, _SE.CANCEL: _S.CANCELED},
    _S.CANCELED: {},
}

ENDED_SUBSCRIPTIONS: Final = (_S.CANCELED, _S.INCOMPLETE_EXPIRED)
"""In one of these nothing is renewed or charged; a first payment that is captured late may still revive the second."""
LIVE_SUBSCRIPTIONS: Final = (_S.INCOMPLETE, _S.TRIALING, _S.ACTIVE, _S.PAST_DUE, _S.PAUSED, _S.UNPAID)
"""Not ended. A customer has at most one to a plan; enrolment, erasure and lookups by reference ask for it."""
STARTED_SUBSCRIPTIONS: Final = (_S.TRIALING, _S.ACTIVE, _S.PAST_DUE, _S.PAUSED, _S.UNPAID)
"""Live, and the enrolment is complete: they need a source. Re-enrolment, revocation and ``source_required`` use it."""
CHARGEABLE_SUBSCRIPTIONS: Final = (_S.ACTIVE, _S.TRIALING, _S.PAST_DUE, _S.UNPAID)
"""An open invoice may be charged with the stored source: a retry by hand, a resend, and what follows a failure."""
AUTO_CHARGED_SUBSCRIPTIONS: Final = (_S.ACTIVE, _S.TRIALING, _S.PAST_DUE)
"""The sweep charges due invoices by itself: the sweep, the forecast of its load and the overdue checks use it."""
RENEWING_SUBSCRIPTIONS: Final = (_S.ACTIVE, _S.TRIALING)
"""Nothing is owed: the next period is invoiced when it begins, and a failed renewal makes them past due."""
PAUSABLE_SUBSCRIPTIONS: Final = (_S.ACTIVE, _S.PAST_DUE)
"""May be paused, at once, for later, or by the end of the retries."""
CANCELABLE_AT_PERIOD_END: Final = (_S.ACTIVE, _S.TRIALING, _S.PAUSED)
"""Canceled at the end of the period, they use up what is paid or given; from any other state they end at once."""
IN_ARREARS: Final = (_S.PAST_DUE, _S.UNPAID)
"""A renewal is owed, and its payment makes them active again."""
ONGOING_SUBSCRIPTIONS: Final = (_S.ACTIVE, _S.PAST_DUE, _S.PAUSED)
"""In one of these a void or written-off invoice was forgiven; elsewhere it may have ended with the subscription."""
ENROLLING_SUBSCRIPTIONS: Final = (_S.INCOMPLETE, _S.INCOMPLETE_EXPIRED)
"""Never started: the first payment that is captured starts them, in time or late."""
TRIAL_AHEAD_SUBSCRIPTIONS: Final = (_S.INCOMPLETE, _S.TRIALING)
"""While no period is billed, the current period shown by the API is the trial, if there is one."""

_I, _IE = InvoiceState, InvoiceEvent
INVOICE_MOVES: Final[Mapping[InvoiceState, Mapping[InvoiceEvent, InvoiceState]]] = {
    _I.OPEN: {_IE.PAY: _I.PAID, _IE.VOID: _I.VOID, _IE.WRITE_OFF: _I.UNCOLLECTIBLE},
    _I.UNCOLLECTIBLE: {_IE.PAY: _I.PAID, _IE.VOID: _I.VOID},
    _I.PAID: {},
    _I.VOID: {},
}
PAYABLE_INVOICES: Final = (_I.OPEN, _I.UNCOLLECTIBLE)
"""Owed, whether it is still collected or not: the payment of a long debt may need the subscriber's confirmation."""
FORGIVEN_INVOICES: Final = (_I.VOID, _I.UNCOLLECTIBLE)
"""Not collected any more: their days count as given, in access, renewals and the books of days."""
COLLECTIBLE_INVOICES: Final = (_I.OPEN, _I.PAID)
"""Paid, or still to be: ``billing verify`` asks of these what access their renewals gave."""

_C, _CE = ChargeState, ChargeEvent
_ENDS: Final[Mapping[ChargeEvent, ChargeState]] = {
    _CE.CAPTURE: _C.CAPTURED,
    _CE.DECLINE: _C.DECLINED,
    _CE.EXPIRE: _C.EXPIRED,
    _CE.CANCEL: _C.CANCELED,
}
CHARGE_MOVES: Final[Mapping[ChargeState, Mapping[ChargeEvent, ChargeState]]] = {
    _C.SENDING: {
        **_ENDS,
        _CE.ACCEPT: _C.PENDING,
        _CE.REFUSE: _C.REFUSED,
        _CE.LOSE: _C.UNKNOWN,
        _CE.PARK: _C.PARKED,
        _CE.SETTLE: _C.EXPIRED,
    },
    _C.UNKNOWN: {
        **_ENDS,
        _CE.ACCEPT: _C.PENDING,
        # Proven absent at the gateway and no longer wanted.
        _CE.REFUSE: _C.REFUSED,
        # Proven absent at the gateway: the same reference and key go out again.
        _CE.RESEND: _C.SENDING,
        _CE.PARK: _C.PARKED,
        _CE.SETTLE: _C.EXPIRED,
    },
    _C.PENDING: {**_ENDS, _CE.PARK: _C.PARKED, _CE.SETTLE: _C.EXPIRED},
    _C.DECLINED: {_CE.CAPTURE: _C.CAPTURED},
    _C.REFUSED: {_CE.CAPTURE: _C.CAPTURED},
    _C.EXPIRED: {_CE.CAPTURE: _C.CAPTURED},
    _C.CANCELED: {_CE.CAPTURE: _C.CAPTURED},
    _C.PARKED: {**_ENDS, _CE.RELEASE: _C.UNKNOWN, _CE.SETTLE: _C.EXPIRED},
    _C.CAPTURED: {},
}
FAILURES: Final = frozenset({_CE.DECLINE, _CE.REFUSE, _CE.EXPIRE, _CE.CANCEL, _CE.SETTLE})
"""What ends an attempt without money."""
LIVE_CHARGE_STATES: Final = (_C.SENDING, _C.UNKNOWN, _C.PENDING, _C.PARKED)
"""A charge in one of these blocks every other charge of its subscription."""
IN_FLIGHT_CHARGE_STATES: Final = (_C.SENDING, _C.UNKNOWN, _C.PENDING)
"""Live, and it goes on by itself: a subscriber who returns is told ``pending``."""
UNANSWERED_CHARGE_STATES: Final = (_C.SENDING, _C.UNKNOWN)
"""The gateway's answer to the request is not known, so a 4xx may be it; later a 4xx says nothing of the charge."""
FAILED_CHARGE_STATES: Final = (_C.DECLINED, _C.REFUSED, _C.EXPIRED, _C.CANCELED)
"""Ended without money: a payment that turns up under its reference is refunded, or taken for it."""

_R, _RE = RefundState, RefundEvent
REFUND_MOVES: Final[Mapping[RefundState, Mapping[RefundEvent, RefundState]]] = {
    _R.REQUESTED: {_RE.SEND: _R.SENDING, _RE.REFUSE: _R.REFUSED, _RE.SETTLE: _R.DECLINED},
    _R.SENDING: {
        _RE.ACCEPT: _R.PENDING,
        _RE.SUCCEED: _R.REFUNDED,
        _RE.DECLINE: _R.DECLINED,
        _RE.REFUSE: _R.REFUSED,
        _RE.LOSE: _R.UNKNOWN,
        _RE.PARK: _R.PARKED,
        _RE.SETTLE: _R.DECLINED,
    },
    _R.UNKNOWN: {
        _RE.ACCEPT: _R.PENDING,
        _RE.SUCCEED: _R.REFUNDED,
        _RE.DECLINE: _R.DECLINED,
        _RE.REFUSE: _R.REFUSED,
        _RE.RESEND: _R.SENDING,
        _RE.PARK: _R.PARKED,
        _RE.SETTLE: _R.DECLINED,
    },
    _R.PENDING: {
        _RE.SUCCEED: _R.REFUNDED,
        _RE.DECLINE: _R.DECLINED,
        _RE.PARK: _R.PARKED,
        _RE.SETTLE: _R.DECLINED,
    },
    _R.DECLINED: {_RE.SUCCEED: _R.REFUNDED},
    _R.REFUSED: {_RE.SUCCEED: _R.REFUNDED},
    _R.PARKED: {
        _RE.SUCCEED: _R.REFUNDED,
        _RE.DECLINE: _R.DECLINED,
        _RE.RELEASE: _R.UNKNOWN,
        _RE.SETTLE: _R.DECLINED,
    },
    _R.REFUNDED: {},
}
COUNTED_REFUND_STATES: Final = (_R.REQUESTED, _R.SENDING, _R.UNKNOWN, _R.PENDING, _R.REFUNDED, _R.PARKED)
"""A refund in one of these uses up what can still be refunded."""
UNSETTLED_REFUND_STATES: Final = (_R.REQUESTED, _R.SENDING, _R.UNKNOWN, _R.PENDING)
"""Counted, not done, and it goes on by itself: an obligation waits for it."""
LOOKED_UP_REFUND_STATES: Final = (_R.SENDING, _R.UNKNOWN, _R.PENDING, _R.PARKED)
"""Sent, and the end is not known: the sweep asks the gateway about them."""
FAILED_REFUND_STATES: Final = (_R.REFUSED, _R.DECLINED)
"""Ended without money: each is asked about once more, should the gateway have contradicted itself."""
POSSIBLY_MADE_REFUND_STATES: Final = (_R.DECLINED, _R.REFUSED, _R.PARKED)
"""Ended, or waiting for a person, and the money may have gone back all the same."""
HINTED_REFUND_STATES: Final = (_R.PENDING, _R.UNKNOWN)
"""A webhook about the payment brings the next look of one of these forward."""
HINTED_LATER_REFUND_STATES: Final = (_R.PARKED, _R.DECLINED)
"""A webhook about the payment brings the next look forward if one is planned."""

_B, _BE = ObligationState, ObligationEvent
OBLIGATION_MOVES: Final[Mapping[ObligationState, Mapping[ObligationEvent, ObligationState]]] = {
    _B.OWED: {_BE.TRY: _B.REFUNDING, _BE.SUCCEED: _B.REFUNDED, _BE.PARK: _B.PARKED, _BE.SETTLE: _B.SETTLED},
    # While a refund is under way nobody gives the same money back by other means.
    _B.REFUNDING: {_BE.FAIL: _B.OWED, _BE.SUCCEED: _B.REFUNDED, _BE.PARK: _B.PARKED},
    _B.PARKED: {_BE.RELEASE: _B.OWED, _BE.SUCCEED: _B.REFUNDED, _BE.SETTLE: _B.SETTLED},
    _B.REFUNDED: {},
    _B.SETTLED: {},
}
OPEN_OBLIGATION_STATES: Final = (_B.OWED, _B.REFUNDING, _B.PARKED)
"""In one of these the money has not gone back yet."""

_O, _OE = SourceState, SourceEvent
SOURCE_MOVES: Final[Mapping[SourceState, Mapping[SourceEvent, SourceState]]] = {
    _O.PENDING: {_OE.CONFIRM: _O.ACTIVE, _OE.DISCARD: _O.REVOKED},
    _O.ACTIVE: {_OE.SUSPECT: _O.SUSPECT, _OE.REVOKE: _O.REVOKED, _OE.REPLACE: _O.REPLACED},
    _O.SUSPECT: {_OE.CONFIRM: _O.ACTIVE, _OE.REVOKE: _O.REVOKED, _OE.REPLACE: _O.REPLACED},
    # A capture that arrives late proves that the agreement was alive after all.
    _O.REVOKED: {_OE.CONFIRM: _O.ACTIVE, _OE.REPLACE: _O.REPLACED},
    # A new agreement may come under the id of an old one.
    _O.REPLACED: {_OE.CONFIRM: _O.ACTIVE},
}
REVOCABLE_SOURCES: Final = (_O.ACTIVE, _O.SUSPECT)
"""Confirmed, and not over: a decline or a person may revoke it."""

_V, _VE = RevocationState, RevocationEvent
REVOCATION_MOVES: Final[Mapping[RevocationState, Mapping[RevocationEvent, RevocationState]]] = {
    _V.NONE: {_VE.REQUEST: _V.REQUESTED},
    # Withdrawn: the subscriber has agreed anew under the same id.
    _V.REQUESTED: {
        _VE.CONFIRM: _V.CONFIRMED,
        _VE.PARK: _V.PARKED,
        _VE.WITHDRAW: _V.NONE,
        _VE.SETTLE: _V.CONFIRMED,
    },
    _V.PARKED: {_VE.REQUEST: _V.REQUESTED, _VE.WITHDRAW: _V.NONE, _VE.SETTLE: _V.CONFIRMED},
    _V.CONFIRMED: {_VE.WITHDRAW: _V.NONE},
}


class IllegalMove(Exception):
    """The move is not in the table of states, so nothing was changed."""

    def __init__(self, state: StrEnum, event: StrEnum) -> None:
        super().__init__(f"{type(state).__name__} {state!s}: no move for {type(event).__name__} {event!s}")
        self.state = state
        self.event = event


def next_state(moves: Mapping[S, Mapping[E, S]], state: S, event: E) -> S:
    """Return the state that ``event`` leads to from ``state``.

    :raises IllegalMove: the table has no such move.
    """
    try:
        return moves[state][event]
    except KeyError:
        raise IllegalMove(state, event) from None


def can_move(moves: Mapping[S, Mapping[E, S]], state: S, event: E) -> bool:
    """Say whether the table has a move for ``event`` from ``state``."""
    return event in moves[state]
