"""The examples in the OpenAPI document are what the API answers: a story asks for each, and compares.

They are written anew by ``pytest tests/api/test_api_examples.py --write-examples``.
"""

import json

import pytest
from example_story import tell

from billing.entrypoints.api.examples import FILE, load_examples


def operations(api):
    """Return the operations by name."""
    paths = api.get("/openapi.json")["paths"]
    return {operation["operationId"]: operation for methods in paths.values() for operation in methods.values()}


def test_every_example_is_what_was_asked_and_answered(both, request):
    told = tell(both)
    if request.config.getoption("--write-examples"):
        FILE.write_text(json.dumps(told, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    examples = load_examples()
    assert set(told) == set(examples)
    for name, example in told.items():
        assert example == examples[name], (
            f"{name}; if that is meant: pytest tests/api/test_api_examples.py --write-examples"
        )


def test_every_operation_has_an_example_of_what_is_asked_and_answered(still):
    examples = load_examples()
    found = operations(still)
    assert set(found) == set(examples)
    for name, example in examples.items():
        [(status, answer)] = [each for each in found[name]["responses"].items() if each[0] < "4"]
        assert str(example["status"]) == status
        if "location" in example:
            assert answer["headers"]["Location"]["example"] == example["location"]
        else:
            assert [each["example"] for each in answer["content"].values()] == [example["answer"]]
        if "requestBody" in found[name]:
            assert found[name]["requestBody"]["content"]["application/json"]["example"] == example["body"]
        told = {each["name"]: each.get("example") for each in found[name].get("parameters", []) if each["in"] == "path"}
        assert None not in told.values()


def test_every_operation_says_in_a_line_what_it_does(still):
    for name, operation in operations(still).items():
        assert 5 < len(operation["summary"]) <= 100, name
        assert not operation["summary"].endswith("."), name
        assert "\n" not in operation["summary"], name
        assert operation["tags"], name


@pytest.mark.parametrize("status", ["401", "403", "422", "429", "500", "503"])
def test_every_operation_names_the_problems_it_may_answer_with(still, status):
    for operation in (each for each in operations(still).values() if each.get("security")):
        content = operation["responses"][status]["content"]
        assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/ProblemDetails"}


def test_what_an_object_always_holds_is_required_in_the_document(still):
    schemas = still.get("/openapi.json")["components"]["schemas"]
    for name in (
        "Subscription",
        "Invoice",
        "Charge",
        "Refund",
        "Plan",
        "Price",
        "Customer",
        "Source",
        "SubscriptionList",
    ):
        assert set(schemas[name]["required"]) == set(schemas[name]["properties"]), name
