"""What each day of a subscription is, and which period is billed next. Pure; the only place that decides either.

The rule: **a day is billed if and only if the subscriber had access on it.** Every day of a subscription is exactly
one of paid, trial, forgiven, owed and none (:class:`~billing.domain.days.records.DayKind`).

- A period is billed if its first day was owed, or is the day of a return. Its later days count as paid once it is paid.
- The next period begins where the last paid, trial or forgiven day ends. If that day is over because of a debt, a
  pause or a lock-out, it begins on the day of the return (:mod:`~billing.domain.days.returning`).
- Access on unpaid days ends with the owed period, at the latest (:mod:`~billing.domain.days.grace`).
- Periods that passed in an outage follow the catch-up policy (:mod:`~billing.domain.days.renewing`).

Days are dates in the subscription's zone; ends are exclusive.
"""
