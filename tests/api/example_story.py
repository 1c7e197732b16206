"""A story in which every operation of the API is asked for once; what is asked and answered are its examples."""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

import httpx2
from api_world import Api, event, wanted

from billing.domain.public_ids import Kind, public_id
from billing.operations.fan_out import fan_out
from billing.store.settled_events import SettledEvents

_ID = re.compile(rf"\b({'|'.join(kind for kind in Kind if kind is not Kind.EVENT)})_[a-z2-7]{{26}}\b")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_INSTANT = re.compile(r"\b(\d{4}-\d{2}-\d{2}T\d{2}):\d{2}:\d{2}(?:\.\d+)?(?:Z|\+00:00)")
_AT_THE_GATEWAY = re.compile(r"\b(pay|act|src)_[A-Za-z0-9]{10,}\b")
_LINK = re.compile(r"http://127\.0\.0\.1:\d+/[^\"?]*")
_NUMBER = re.compile(r"\bevt_\d+\b")
_SIGNING = re.compile(r"\bwhsec_[A-Za-z0-9+/=]+")
_SECRET = re.compile(r"\bbk_(test|live)_[A-Za-z0-9_-]+")
_BY_MACHINE = ("/v1/audit", "/v1/keys", "/v1/webhook")
NOON = "2027-01-31T03:00:00Z"
_HASH = re.compile(r"\b[0-9a-f]{64}\b")
_RETURN = re.compile(r"(?<=/v1/return/)[A-Za-z0-9_-]{32}")
_CURSOR = re.compile(r'("next_cursor": )"[^"]+"')


@dataclass
class Placeholders:
    """Puts the same words for what differs from run to run: ids, secrets, links, minutes that are drawn."""

    seen: dict[str, str] = field(default_factory=dict)

    def settled(self, value: Any, *, by_machine: bool) -> Any:
        """Return JSON as it is in every run; ``by_machine`` says that its instants are not those of the story."""
        text = json.dumps(value, ensure_ascii=False)
        text = _ID.sub(lambda found: self._id(Kind(found[1]), found[0]), text)
        text = _UUID.sub(lambda found: self.seen.setdefault(found[0], str(_numbered(f"uuid {len(self.seen)}"))), text)
        text = _AT_THE_GATEWAY.sub(lambda found: f"{found[1]}_4nhlqjw2x3dunlmtbamrvjpfiq", text)
        # Charges are spread over half an hour.
        text = _INSTANT.sub(NOON if by_machine else r"\1:00:00Z", text)
        text = _LINK.sub("https://wallet.example/pay/4nhlqjw2x3dunlmtbamrvjpfiq", text)
        text = _SECRET.sub(lambda found: f"bk_{found[1]}_{'x' * (4 if len(found[0]) < 20 else 24)}", text)
        text = _HASH.sub("4f" * 32, text)
        text = _SIGNING.sub(f"whsec_{'x' * 43}=", text)
        text = _NUMBER.sub(lambda found: self._event(found[0]), text)
        text = _RETURN.sub("kR3vXq9dT1nLw5cZ8yBm2sFhJ7uPgA0e", text)
        text = _CURSOR.sub(r'\1"WyJvcGFxdWUiXQ"', text)
        return json.loads(text)

    def _event(self, told: str) -> str:
        number = sum(1 for each in self.seen if each.startswith("evt_")) + 1
        return self.seen.setdefault(told, f"evt_{number}")

    def _id(self, kind: Kind, told: str) -> str:
        number = sum(1 for each in self.seen if each.startswith(f"{kind}_")) + 1
        return self.seen.setdefault(told, public_id(kind, _numbered(f"{kind} {number}")))


def _numbered(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, name)


@dataclass
class Teller:
    """Asks, and keeps what was asked and answered under the operation's name."""

    api: Api
    placeholders: Placeholders = field(default_factory=Placeholders)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    def get(self, operation: str, path: str, **query: Any) -> Any:
        return self._ask(operation, "GET", path, query, None)

    def post(self, operation: str, path: str, body: Any = None) -> Any:
        return self._ask(operation, "POST", path, {}, body)

    def patch(self, operation: str, path: str, body: Any) -> Any:
        return self._ask(operation, "PATCH", path, {}, body)

    def delete(self, operation: str, path: str) -> Any:
        return self._ask(operation, "DELETE", path, {}, None)

    def _ask(self, operation: str, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
        answer = self.api.call(method, path, body, params=query)
        assert not answer.is_error, (operation, answer.text)
        asked = {"path": path, "query": query, "body": body}
        exchange = {**asked, "status": answer.status_code, **_said(answer)}
        example = self.placeholders.settled(exchange, by_machine=path.startswith(_BY_MACHINE))
        assert operation not in self.told, f"{operation} is told twice"
        self.told[operation] = {name: value for name, value in example.items() if value not in ({}, None)}
        return exchange.get("answer")


def _said(answer: httpx2.Response) -> dict[str, Any]:
    if answer.is_redirect:
        return {"location": answer.headers["location"]}
    if answer.headers["content-type"].startswith("text/plain"):  # the metrics: what differs from run to run is left out
        return {"answer": "".join(re.findall(r"^.*\bbilling_charging_stopped\b.*\n", answer.text, re.MULTILINE))}
    return {"answer": answer.json()}


def tell(api: Api) -> dict[str, dict[str, Any]]:
    """Live through the story and return the example of each operation."""
    return tell_by(Teller(api))


def tell_by(teller: "Teller") -> dict[str, dict[str, Any]]:
    """Have somebody live through the story."""
    for chapter in (
        _what_is_sold,
        _enrolment,
        _looking,
        _changes,
        _money_back,
        _a_trial,
        _arrears,
        _customers,
        _plans,
        _keys,
        _webhooks,
        _health,
    ):
        chapter(teller)
    return teller.told


def _what_is_sold(tell: Teller) -> None:
    tell.get("list_plans", "/v1/plans", archived="false", limit=2)
    plan = tell.get("get_plan", "/v1/plans/basic")
    tell.get("list_prices", "/v1/prices", plan="basic")
    tell.get("get_price", f"/v1/prices/{plan['price']['id']}")


def _enrolment(tell: Teller) -> None:
    made = tell.post("create_subscription", "/v1/subscriptions", wanted())
    link = tell.api.agree(made["redirect_url"])
    tell.get("return_from_wallet", urlsplit(link).path)


def _looking(tell: Teller) -> None:
    [customer] = tell.get("list_customers", "/v1/customers", reference="cust-kim")["data"]
    tell.get("get_customer", f"/v1/customers/{customer['id']}")
    tell.get("get_access", "/v1/customers/cust-kim/access", grace_days=7)
    [subscription] = tell.get("list_subscriptions", "/v1/subscriptions", customer_reference="cust-kim")["data"]
    tell.get("get_subscription", f"/v1/subscriptions/{subscription['id']}")
    tell.get("preview_next_charge", f"/v1/subscriptions/{subscription['id']}/preview")
    [invoice] = tell.get("list_invoices", "/v1/invoices", subscription_id=subscription["id"])["data"]
    tell.get("get_invoice", f"/v1/invoices/{invoice['id']}")
    [charge] = tell.get("list_charges", "/v1/charges", invoice_id=invoice["id"])["data"]
    tell.get("get_charge", f"/v1/charges/{charge['id']}")
    [source] = tell.get("list_sources", "/v1/sources", customer_id=customer["id"])["data"]
    tell.get("get_source", f"/v1/sources/{source['id']}")
    [event, _] = tell.get("list_events", "/v1/events", type="subscription.*", limit=2)["data"]
    tell.get("get_event", f"/v1/events/{event['id']}")


def _changes(tell: Teller) -> None:
    path = _subscription(tell)
    tell.post("cancel_subscription", f"{path}/cancel", {"at": "date", "on": "2027-05-01", "reason": "moving away"})
    tell.post("undo_cancel_subscription", f"{path}/undo-cancel", {"reason": "stays after all"})
    tell.post("pause_subscription", f"{path}/pause", {"at": "period_end", "resume_at": "2027-04-01T00:00:00Z"})
    tell.post("undo_pause_subscription", f"{path}/undo-pause", {"reason": "the journey was called off"})
    tell.api.post(f"{path}/pause")
    tell.post("resume_subscription", f"{path}/resume", {"reason": "is back"})
    source = tell.api.get(path)["source_id"]
    tell.api.world.faults(unprocessed_502=1.0)
    tell.post("revoke_source", f"/v1/sources/{source}/revoke", {"reason": "asked for by the subscriber"})
    cut = {"reason": "cut by the subscriber in KakaoTalk, on the screen they showed"}
    tell.post("settle_revocation", f"/v1/sources/{source}/settle-revocation", cut)
    tell.api.world.faults(unprocessed_502=0.0)
    ends = {name: wanted()[name] for name in ("terminal_type", "success_url", "failure_url")}
    tell.post("replace_source", f"{path}/replace-source", ends)


def _money_back(tell: Teller) -> None:
    charges = tell.api.data("/v1/charges", subscription_id=_subscription(tell).rpartition("/")[2], state="captured")
    body = {
        "charge_id": charges[0]["id"],
        "amount": {"amount": 900, "currency": "KRW"},
        "reason": "a day without service",
    }
    refund = tell.post("create_refund", "/v1/refunds", body)
    tell.get("list_refunds", "/v1/refunds", charge_id=charges[0]["id"])
    tell.get("get_refund", f"/v1/refunds/{refund['id']}")
    # The end of a dispute was lost on the way.
    told = {"id": "dsp_bc94ebda8d275i461229", "payment_id": tell.api.world.payments()[0]["id"], "reason": "general"}
    tell.api.webhook(event(type="dispute_received", data={**told, "amount": 9900, "currency": "KRW"}))
    tell.api.world.wait(minutes=1)
    won = {"dispute": told["id"], "as": "won", "reason": "the dashboard shows it"}
    tell.post("settle_dispute", f"/v1/charges/{charges[0]['id']}/settle-dispute", won)
    tell.api.world.wallet("kim@example.test", refunds=["hang"])
    hung = tell.api.post("/v1/refunds", body).json()
    tell.post("settle_refund", f"/v1/refunds/{hung['id']}/settle", {"as": "failed", "reason": "hangs, says support"})


def _a_trial(tell: Teller) -> None:
    tell.api.world.wallet("lee@example.test", refunds=["20006", "20158"])
    subscription = tell.api.subscribe(customer_reference="cust-lee", email="lee@example.test", plan="trial")
    tell.post(
        "consent_to_first_charge",
        f"/v1/subscriptions/{subscription}/consent",
        {"reason": "agreed on the page before the end of the trial"},
    )
    # The token amount that made the agreement must go back, and its refund is declined.
    tell.api.sweep_at("2027-01-31 13:00")
    tell.api.sweep_at("2027-01-31 13:10")
    [owed] = tell.get("list_refund_obligations", "/v1/refund_obligations", open="true")["data"]
    path = f"/v1/refund_obligations/{owed['id']}"
    tell.post("retry_refund_obligation", f"{path}/retry", {"reason": "the wallet works again"})
    tell.api.sweep_at("2027-01-31 13:11")
    tell.api.sweep_at("2027-01-31 13:20")
    tell.get("get_refund_obligation", path)
    told = {"how": "bank transfer of 1 February, no. 4711", "reason": "KakaoPay takes no refund of it"}
    tell.post("settle_refund_obligation", f"{path}/settle", told)


def _arrears(tell: Teller) -> None:
    owed = []
    for who in ("park", "choi", "jung"):
        owed.append(tell.api.subscribe(customer_reference=f"cust-{who}", email=f"{who}@example.test"))
        tell.api.world.wallet(f"{who}@example.test", script=["20051"])
    hung = tell.api.subscribe(customer_reference="cust-oh", email="oh@example.test")
    tell.api.world.wallet("oh@example.test", script=["hang"])
    tell.api.sweep_at("2027-02-28 10:40")
    tell.api.sweep_at("2027-02-28 10:50")
    park, choi, jung = (tell.api.data("/v1/invoices", subscription_id=each, state="open")[0]["id"] for each in owed)
    tell.post("retry_invoice", f"/v1/invoices/{park}/retry", {"reason": "topped up, says the subscriber"})
    because = {"reason": "the service was down"}
    tell.post("void_invoice", f"/v1/invoices/{choi}/void", because)
    tell.post("mark_invoice_uncollectible", f"/v1/invoices/{jung}/mark-uncollectible", {"reason": "cannot be reached"})
    [charge] = tell.api.data("/v1/charges", subscription_id=hung, state="pending")
    tell.post("settle_charge", f"/v1/charges/{charge['id']}/settle", {"as": "failed", "reason": "hangs, says support"})


def _customers(tell: Teller) -> None:
    told = {"name": "한지민", "email": "han@example.test", "phone": "010-1234-5678", "country": "KR"}
    customer = tell.post("create_customer", "/v1/customers", {"reference": "cust-han", **told})
    path = f"/v1/customers/{customer['id']}"
    tell.patch("update_customer", path, {"email": "jimin@example.test", "phone": None})
    tell.post("erase_customer", f"{path}/erase", {"reason": "asked for by the customer"})


def _plans(tell: Teller) -> None:
    asked = {"amount": {"amount": 19900, "currency": "KRW"}, "interval": "month"}
    tell.post("create_plan", "/v1/plans", {"code": "pro", "name": "프로", **asked})
    dearer = asked | {"amount": {"amount": 24900, "currency": "KRW"}, "trial_days": 14}
    tell.post("create_price", "/v1/prices", {"plan": "pro", **dearer})
    tell.post("pause_plan", "/v1/plans/yearly/pause", {"reason": "wrong price, found on the invoice page"})
    tell.post("resume_plan", "/v1/plans/yearly/resume", {"reason": "the price is right again"})
    tell.post("archive_plan", "/v1/plans/yearly/archive", {"reason": "replaced by pro"})


def _keys(tell: Teller) -> None:
    key = tell.post("create_key", "/v1/keys", {"name": "shop-backend", "role": "backend"})
    tell.get("list_keys", "/v1/keys", limit=1)
    tell.get("list_audit_entries", "/v1/audit", limit=1)
    tell.post("rotate_key", f"/v1/keys/{key['id']}/rotate", {"overlap_hours": 24})
    tell.post("revoke_key", f"/v1/keys/{key['id']}/revoke", {"reason": "found in a public repository"})


def _webhooks(tell: Teller) -> None:
    url = "https://shop.example.com/webhooks"
    wanted_types = ["subscription.*", "invoice.payment_failed"]
    made = tell.post("create_webhook_endpoint", "/v1/webhook_endpoints", {"url": url, "event_types": wanted_types})
    path = f"/v1/webhook_endpoints/{made['id']}"
    tell.get("list_webhook_endpoints", "/v1/webhook_endpoints")
    tell.get("get_webhook_endpoint", path)
    tell.patch("update_webhook_endpoint", path, {"description": "the shop"})
    tell.post("rotate_webhook_endpoint_secret", f"{path}/rotate-secret", {"overlap_hours": 24})
    tell.post("test_webhook_endpoint", f"{path}/test", {"reason": "the receiver is new"})
    fan_out(tell.api.world.engine.database, SettledEvents(), now=datetime.now(UTC))
    [delivery] = tell.get("list_webhook_deliveries", "/v1/webhook_deliveries", endpoint_id=made["id"])["data"]
    tell.get("get_webhook_delivery", f"/v1/webhook_deliveries/{delivery['id']}")
    tell.post(
        "resend_webhook_delivery", f"/v1/webhook_deliveries/{delivery['id']}/resend", {"reason": "the receiver lost it"}
    )
    tell.post("disable_webhook_endpoint", f"{path}/disable", {"reason": "the receiver moves house"})
    tell.post("enable_webhook_endpoint", f"{path}/enable", {"reason": "it has moved"})
    tell.delete("delete_webhook_endpoint", path)


def _subscription(tell: Teller) -> str:
    [found] = tell.api.data("/v1/subscriptions", customer_reference="cust-kim")
    return f"/v1/subscriptions/{found['id']}"


def _health(tell: Teller) -> None:
    tell.get("healthz", "/healthz")
    tell.get("readyz", "/readyz")
    tell.get("metrics", "/metrics")
