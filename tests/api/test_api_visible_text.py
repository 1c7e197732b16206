"""No field and no parameter of any operation takes text that shows nothing; all take what can be seen."""

from copy import deepcopy

import pytest
from api_world import NO_ENGINE, wanted

from billing.config.settings import Settings
from billing.entrypoints.api.app import create_app

DOCUMENT = create_app(Settings(), NO_ENGINE).openapi()
BOUND = {"enum", "const", "pattern", "format"}
"""Where the document says one of these of a text, it is not free."""
HIDDEN = ["\u3164", "\u2800", "\ue000", "\u202e", "\ufe0f"]
"""One of each kind; the rule itself is held to Unicode by ``plans/test_visible_text.py``."""
FAMILY = "👩‍👩‍👧"


def resolved(schema):
    while "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def is_text(schema):
    """Whether any text may stand there, as far as the document says."""
    kinds = [resolved(each) for each in schema.get("anyOf", [schema])]
    return any(kind.get("type") == "string" and not BOUND & kind.keys() for kind in kinds)


def text_fields(schema, above=()):
    """The path of every text in a body, objects within objects included."""
    schema = resolved(schema)
    for name, inner in schema.get("properties", {}).items():
        for kind in inner.get("anyOf", [inner]):
            yield from text_fields(kind, (*above, name))
        if is_text(resolved(inner)):
            yield (*above, name)


def walked():
    """Every operation with the free texts of its body, query and path."""
    for template, operations in DOCUMENT["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            for field in text_fields(body["schema"]) if body else ():
                yield method, template, operation, field, None
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query" and is_text(resolved(parameter["schema"])):
                    yield method, template, operation, None, parameter["name"]


WALKED = list(walked())
NAMES = [f"{each[2]['operationId']}-{'.'.join(each[3] or (each[4],))}" for each in WALKED]


def asked_with(api, case, text):
    """Ask for the example of an operation with another text in one place."""
    method, template, operation, field, parameter = case
    told = {each["name"]: str(each.get("example", "x")) for each in operation.get("parameters", [])}
    path = template
    for name, value in told.items():
        path = path.replace(f"{{{name}}}", value)
    if parameter is not None:
        asked = {
            each["name"]: each["example"]
            for each in operation["parameters"]
            if each["in"] == "query" and "example" in each
        }
        return api.call(method.upper(), path, params=asked | {parameter: text})
    body = deepcopy(operation["requestBody"]["content"]["application/json"]["example"])
    inner = body
    for name in field[:-1]:
        inner = inner[name]
    inner[field[-1]] = text
    return api.call(method.upper(), path, body)


def test_the_walk_finds_the_texts_that_people_type():
    assert len(WALKED) > 40
    assert {each[3][-1] for each in WALKED if each[3]} == {
        *("name", "customer_reference", "reference", "reason", "how", "description", "dispute")
    }
    assert {each[4] for each in WALKED if each[4]} == {"reference", "customer_reference", "reason", "cursor"}


@pytest.mark.parametrize("case", WALKED, ids=NAMES)
def test_text_that_shows_nothing_is_refused_in_every_place(still, case):
    events = still.world.scalar("SELECT count(*) FROM event")
    place = case[4] or ".".join(case[3])
    for character in HIDDEN:
        answer = asked_with(still, case, f"kim{character}")
        assert answer.status_code == 422, (ascii(character), answer.text)
        assert [each["field"] for each in answer.json()["errors"]] == [place]
    assert still.world.scalar("SELECT count(*) FROM event") == events


@pytest.mark.parametrize("case", WALKED, ids=NAMES)
def test_text_that_can_be_seen_is_refused_in_no_place_for_what_it_is(still, case):
    if case[4] == "cursor":
        return  # it is one of ours or none
    for text in ("김민준", f"❤️ {FAMILY}"):
        answer = asked_with(still, case, text)
        assert answer.status_code != 422, (text, answer.text)


def test_two_references_that_look_the_same_are_one_customer(api):
    first = api.post("/v1/customers", {"reference": "❤️ 김", "name": "kim", "email": "kim@example.test"})
    assert first.status_code == 201
    for look in ("❤ 김", "❤︎ 김", "❤️ 김"):
        again = api.post("/v1/customers", {"reference": look, "name": "kim", "email": "kim@example.test"})
        assert again.status_code != 201 or again.json()["id"] == first.json()["id"]
    assert api.world.scalar("SELECT count(*) FROM customer") == 1
    api.refused(api.post("/v1/subscriptions", wanted(customer_reference="kim\u00a01")), 422, "invalid_request")


def test_a_family_of_emoji_is_a_name(api):
    made = api.post("/v1/subscriptions", wanted(name=f"김 {FAMILY}"))
    assert made.status_code == 201
    assert api.world.scalar("SELECT name FROM customer") == f"김 {FAMILY}"
