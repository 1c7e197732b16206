"""Every code of a problem is in the table, and clients find all of them in the OpenAPI document."""

import importlib
import pkgutil

import billing
from billing.domain.decline_classes import DeclineClass
from billing.domain.public_events import PUBLIC_TYPES
from billing.domain.states import ChargeState
from billing.entrypoints.api.problems import PROBLEMS
from billing.operations.engine import Refusal


def subclasses(of):
    for each in of.__subclasses__():
        yield each
        yield from subclasses(each)


def test_every_refusal_has_a_code_of_the_table():
    for module in pkgutil.walk_packages(billing.__path__, "billing."):
        importlib.import_module(module.name)
    codes = {refusal.code: refusal for refusal in (Refusal, *subclasses(Refusal))}
    assert len(codes) > 15
    missing = sorted(f"{code} of {refusal.__name__}" for code, refusal in codes.items() if code not in PROBLEMS)
    assert not missing, f"the table PROBLEMS of entrypoints/api/problems.py lacks {missing}"


def test_the_openapi_document_lists_the_values_of_closed_sets(still):
    schemas = still.http.get("/openapi.json").json()["components"]["schemas"]
    listed = {name.removesuffix("Object"): schema["enum"] for name, schema in schemas.items() if "enum" in schema}
    assert listed["DeclineClass"] == list(DeclineClass)
    assert listed["ChargeState"] == list(ChargeState)
    assert listed["EventType"] == list(PUBLIC_TYPES)
    assert listed["ProblemCode"] == list(PROBLEMS)
