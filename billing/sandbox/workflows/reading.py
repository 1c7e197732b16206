"""Understanding what a request says of workflows: each check refuses with 422 and a code."""

from typing import Any, Final

from billing.sandbox.call import Refused
from billing.sandbox.checks import child, is_text, is_url
from billing.sandbox.workflows.event_types import TYPES

Document = dict[str, Any]

#: An action may not set these: they are the delivery's own.
_OWN_HEADERS: Final = frozenset({"content-length", "content-type", "cko-signature", "host", "transfer-encoding"})
_LISTS: Final = {"entity": "entities", "processing_channel": "processing_channels"}


def read_name(body: Document) -> str:
    if not is_text(body.get("name"), 255):
        raise Refused(422, "workflow_name_invalid")
    return str(body["name"])


def read_active(body: Document, *, otherwise: bool = True) -> bool:
    active = body.get("active", otherwise)
    if not isinstance(active, bool):
        raise Refused(422, "workflow_active_invalid")
    return active


def read_conditions(body: Document) -> list[Document]:
    """One or more conditions; at least one of them names events."""
    conditions = [read_condition(each) for each in _objects(body, "conditions")]
    if not any(each["type"] == "event" for each in conditions):
        raise Refused(422, "workflow_event_condition_required")
    return conditions


def read_actions(body: Document) -> list[Document]:
    return [read_action(each) for each in _objects(body, "actions")]


def _objects(body: Document, name: str) -> list[Any]:
    given = body.get(name)
    if not isinstance(given, list) or not given:
        raise Refused(422, f"workflow_{name}_required")
    return given


def read_condition(given: Any) -> Document:
    """An event condition by source, or a list of entities or of processing channels."""
    kind = child(given, "type")
    if kind == "event":
        return {"type": kind, "events": _events(given.get("events"))}
    if kind not in _LISTS:
        raise Refused(422, "workflow_condition_type_invalid")
    name = _LISTS[kind]
    ids = given.get(name)
    if not isinstance(ids, list) or not ids or not all(is_text(each, 50) for each in ids):
        raise Refused(422, f"workflow_condition_{name}_invalid")
    return {"type": kind, name: ids}


def _events(given: Any) -> dict[str, list[str]]:
    if not isinstance(given, dict) or not given:
        raise Refused(422, "workflow_condition_events_invalid")
    for source, types in given.items():
        known = TYPES.get(source, ("", "", ()))[2]
        if not isinstance(types, list) or not types or not all(each in known for each in types):
            raise Refused(422, "workflow_condition_events_invalid")
    return given


def read_action(given: Any) -> Document:
    """A webhook: ``url``, and if wanted ``headers``, ``signature`` and ``retry``."""
    if child(given, "type") != "webhook":
        raise Refused(422, "workflow_action_type_invalid")
    if not is_url(given.get("url")):
        raise Refused(422, "workflow_action_url_invalid")
    action: Document = {"type": "webhook", "url": given["url"], "headers": _headers(given.get("headers"))}
    signature = given.get("signature")
    if signature is not None:
        if child(signature, "method") != "HMACSHA256" or not is_text(child(signature, "key"), 1000):
            raise Refused(422, "workflow_action_signature_invalid")
        action["signature"] = {"method": "HMACSHA256", "key": signature["key"]}
    retry = given.get("retry")
    if retry is not None and not isinstance(child(retry, "enabled"), bool):
        raise Refused(422, "workflow_action_retry_invalid")
    return action | ({} if retry is None else {"retry": {"enabled": retry["enabled"]}})


def _headers(given: Any) -> dict[str, str]:
    headers = {} if given is None else given
    if not isinstance(headers, dict) or not all(_is_header(name, value) for name, value in headers.items()):
        raise Refused(422, "workflow_action_headers_invalid")
    return headers


def _is_header(name: str, value: Any) -> bool:
    token = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return token and name.lower() not in _OWN_HEADERS and is_text(value, 1000) and value.isprintable()
