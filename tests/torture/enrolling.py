"""Subscribers who enrol through a tormented API, as patient people do: again and again, until it has worked."""

import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from billing.config.settings import SANDBOX_API_KEY

PLANS = ("basic", "weekly")
_PATIENCE = 600.0  # an API that was killed keeps the key of a request in use for half a minute
_PAUSE = 0.1


@dataclass(frozen=True)
class Person:
    number: int

    @property
    def plan(self) -> str:
        return PLANS[self.number % len(PLANS)]

    @property
    def reference(self) -> str:
        return f"cust-{self.number:03d}"

    @property
    def email(self) -> str:
        return f"person-{self.number:03d}@example.test"


def enrol(person: Person, api_url: str, sandbox_url: str) -> None:
    """Ask, agree to each link once, come back; return when the API says that the subscription is active.

    :raises TimeoutError: it was not within :data:`_PATIENCE` seconds.
    """
    agreed: dict[str, str] = {}
    deadline = time.monotonic() + _PATIENCE
    headers = {"Authorization": f"Bearer {SANDBOX_API_KEY}"}
    with (
        httpx2.Client(base_url=api_url, headers=headers, timeout=5) as api,
        httpx2.Client(base_url=sandbox_url, timeout=5) as wallet,
    ):
        while time.monotonic() < deadline:
            time.sleep(_PAUSE)
            try:
                if _is_active(api, person):
                    return
                # Answered once, a key is answered so for ever; who needs another link asks under another key.
                link = _ask(api, person, f"enrol-{person.number}-{len(agreed)}")
                if link is not None and link not in agreed:
                    agreed |= _agree(wallet, link)
                for back in agreed.values():
                    api.get(back)
            except httpx2.HTTPError:
                continue
    raise TimeoutError(f"{person.reference} could not enrol in {_PATIENCE:g} s")


def _ask(api: httpx2.Client, person: Person, key: str) -> str | None:
    body = {
        "plan": person.plan,
        "customer_reference": person.reference,
        "name": f"구독자 {person.number}",
        "email": person.email,
        "terminal_type": "WEB",
        "success_url": "http://127.0.0.1/ok",
        "failure_url": "http://127.0.0.1/failed",
    }
    answer = api.post("/v1/subscriptions", json=body, headers={"Idempotency-Key": key})
    told: dict[str, Any] = answer.json() if answer.status_code == 201 else {}
    return told.get("redirect_url")


def _agree(wallet: httpx2.Client, redirect_url: str) -> dict[str, str]:
    """Press the button; return where the wallet sends the subscriber from this link, or nothing if it did not."""
    # The link leads through the bad proxy; a person's browser does not.
    pressed = wallet.post(f"{urlsplit(redirect_url).path}/agree")
    return {redirect_url: pressed.headers["location"]} if pressed.status_code == 303 else {}


def _is_active(api: httpx2.Client, person: Person) -> bool:
    answer = api.get("/v1/subscriptions", params={"customer_reference": person.reference})
    rows = answer.json()["data"] if answer.status_code == 200 else []
    return bool(rows) and rows[0]["state"] == "active"
