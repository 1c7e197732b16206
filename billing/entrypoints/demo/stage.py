"""What the demo does from outside: as a SaaS over the API, as a subscriber in the wallet, as the sandbox's master."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

import httpx2

from billing.config.settings import SANDBOX_API_KEY
from billing.domain.public_ids import Kind, public_id
from billing.domain.states import AUTO_CHARGED_SUBSCRIPTIONS
from billing.entrypoints.demo.cast import Subscriber

RETURN_URLS: Final = {
    "success_url": "http://127.0.0.1/shop/thanks",
    "failure_url": "http://127.0.0.1/shop/try-again",
}
_TRIES: Final = 6


class WentWrong(RuntimeError):
    """The API or the sandbox answered what the demo did not expect."""


@dataclass(slots=True)
class Stage:
    """Two HTTP clients. Many threads may use one stage."""

    api: httpx2.Client
    sandbox: httpx2.Client

    def enrol(self, member: Subscriber, *, leaves: bool) -> None:
        """Enrol as a SaaS backend would, then go through the wallet as the subscriber would."""
        body = {
            "plan": member.plan,
            "customer_reference": member.reference,
            "name": f"구독자 {member.number}",
            "email": member.email,
            "terminal_type": "WEB",
            **RETURN_URLS,
        }
        answer = self._post("/v1/subscriptions", body, key=f"enrol-{member.reference}")
        self._visit_wallet(str(answer["redirect_url"]), "leave" if leaves else "agree")

    def re_enrol(self, member: Subscriber) -> bool:
        """Make a new agreement, if the subscription still needs one; say whether it was made."""
        found = self._subscription(member)
        if found is None or found["state"] != "past_due":
            return False
        body = {"terminal_type": "WEB", **RETURN_URLS}
        answer = self._post(f"/v1/subscriptions/{found['id']}/replace-source", body)
        self._visit_wallet(str(answer["redirect_url"]), "agree")
        return True

    def cancel(self, member: Subscriber) -> None:
        """Cancel at the end of the period, as long as there is something to cancel."""
        found = self._subscription(member)
        if found is not None and found["state"] in AUTO_CHARGED_SUBSCRIPTIONS:
            self._post(f"/v1/subscriptions/{found['id']}/cancel", {"at": "period_end", "reason": "no longer needed"})

    def refund(self, charge_id: UUID, won: int) -> None:
        """Refund a part of a charge."""
        self._post(
            "/v1/refunds",
            {
                "charge_id": public_id(Kind.CHARGE, charge_id),
                "amount": {"amount": won, "currency": "KRW"},
                "reason": "support",
            },
        )

    def set_wallet(self, member: Subscriber, written: dict[str, Any]) -> None:
        """Tell the sandbox what a wallet does from now on."""
        self._control("PUT", f"wallets/{quote(member.email)}", written)

    def set_faults(self, faults: dict[str, Any]) -> None:
        """Tell the sandbox which troubles to make from now on."""
        self._control("PUT", "faults", faults)

    def set_clock(self, instant: datetime) -> datetime | None:
        """Move the sandbox's time; return when it has something to do next."""
        following = self._control("PUT", "clock", {"now": instant.isoformat()})["next"]
        return datetime.fromisoformat(following) if following else None

    def drain(self) -> None:
        """Return when every webhook that is due has been delivered."""
        self._control("POST", "drain", None)

    def ledger(self) -> list[dict[str, Any]]:
        """Return the sandbox's own list of payments."""
        rows: list[dict[str, Any]] = self._control("GET", "payments", None)
        return rows

    def keys_of_payments_asked_for(self) -> set[str]:
        """Return the idempotency keys of the payments the sandbox was asked for lately, answered or not."""
        requests = self._control("GET", "requests", None)
        return {each["idempotency_key"] for each in requests if (each["method"], each["path"]) == ("POST", "/payments")}

    def _visit_wallet(self, redirect_url: str, button: str) -> None:
        page = self.sandbox.get(redirect_url)
        pressed = self.sandbox.post(f"{redirect_url}/{button}")
        if page.status_code != 200 or pressed.status_code != 303:
            raise WentWrong(f"the wallet page answered {page.status_code}, its {button} form {pressed.status_code}")
        if button == "agree":
            self.api.get(pressed.headers["location"])

    def _subscription(self, member: Subscriber) -> dict[str, Any] | None:
        answer = self.api.get("/v1/subscriptions", params={"customer_reference": member.reference})
        rows = answer.json()["data"]
        return rows[0] if rows else None

    def _post(self, path: str, body: dict[str, Any], key: str | None = None) -> dict[str, Any]:
        """Post as a careful client would: the same request again, under the same key, while it is told to."""
        headers = {"Idempotency-Key": key} if key else {}
        for _ in range(_TRIES):
            answer = self.api.post(path, json=body, headers=headers)
            if answer.status_code != 503:
                break
            time.sleep(0.02)
        if answer.status_code >= 300:
            raise WentWrong(f"POST {path} answered {answer.status_code}: {answer.text[:300]}")
        told: dict[str, Any] = answer.json()
        return told

    def _control(self, method: str, path: str, body: Any) -> Any:
        answer = self.sandbox.request(method, f"/_sandbox/{path}", json=body)
        if answer.status_code != 200:
            raise WentWrong(f"{method} /_sandbox/{path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()


def open_stage(api_url: str, sandbox_url: str) -> Stage:
    """Return a stage; close its clients when the play is over."""
    return Stage(
        api=httpx2.Client(base_url=api_url, headers={"Authorization": f"Bearer {SANDBOX_API_KEY}"}, timeout=30),
        sandbox=httpx2.Client(base_url=sandbox_url, timeout=60),
    )
