"""The OpenAPI document makes clients that work, in Python and in TypeScript, without a word of it changed."""

import json
import os
import shutil

import pytest
from external_tools import GENERATORS, JAVASCRIPT, ROOT, node, package, ran

from billing.config.settings import SANDBOX_API_KEY

pytestmark = pytest.mark.proof


@pytest.fixture
def document(api, tmp_path):
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(api.get("/openapi.json")), encoding="utf-8")
    return file


def is_told(api, printed, reference):
    [subscription] = api.get("/v1/subscriptions", customer_reference=reference)["data"]
    assert printed.split() == [subscription["id"], "incomplete", "not_found"]


def test_a_python_client_is_generated_type_checks_and_works(api, document, tmp_path):
    path = {"PATH": f"{GENERATORS}{os.pathsep}{os.environ['PATH']}"}
    generate = [
        "generate",
        "--path",
        document,
        "--meta",
        "none",
        "--output-path",
        tmp_path / "made",
        "--fail-on-warning",
    ]
    told = ran(GENERATORS / "openapi-python-client", *generate, folder=tmp_path, env=path)
    assert "arning" not in told
    shutil.copy(ROOT / "tests" / "generators" / "shop.py", tmp_path)
    ran(GENERATORS / "mypy", "--strict", "--follow-imports=silent", "--cache-dir=cache", "shop.py", folder=tmp_path)
    printed = ran(GENERATORS / "python", "shop.py", api.url, SANDBOX_API_KEY, folder=tmp_path)
    is_told(api, printed, "cust-generated")


def test_typescript_types_are_generated_type_check_and_are_what_is_answered(api, document, tmp_path):
    # What has a default may be left out of a request.
    package("openapi-typescript", document, "--output", tmp_path / "api.d.ts", "--default-non-nullable=false")
    shutil.copy(JAVASCRIPT / "shop.ts", tmp_path)
    (tmp_path / "node_modules").symlink_to(JAVASCRIPT / "node_modules")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--skipLibCheck", "false"]
    modern = ["--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler", "--lib", "es2022,dom"]
    package("tsc", "--noEmit", *strict, *modern, "shop.ts", folder=tmp_path)
    printed = node(tmp_path / "shop.ts", api.url, SANDBOX_API_KEY, folder=tmp_path)
    is_told(api, printed, "cust-typescript")
