"""The official SDK for Python makes every call that concerns us against the sandbox, and nothing of it is changed.

It runs with its own HTTP client, its own environment and its own host names: see sdk_front_door.py.
"""

import pytest
import sdk_python_disputes
import sdk_python_payments
import sdk_python_workflows
from checkout_sdk.checkout_sdk import CheckoutSdk
from checkout_sdk.exception import CheckoutApiException, CheckoutAuthorizationException
from checkout_sdk.oauth_scopes import OAuthScopes
from sdk_front_door import ACCESS, API, PREFIX, FrontDoor
from sdk_left_out import PYTHON, PYTHON_SUBJECTS
from sdk_python import CALLS, SUBJECTS, Recorder, calls, captured, first_request

from billing.sandbox import defaults

# The SDK warns of modules of its own.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:checkout_sdk")

MODULES = (sdk_python_disputes, sdk_python_payments, sdk_python_workflows)  # fill CALLS


@pytest.fixture(scope="session")
def front_door(sandbox_url, tmp_path_factory):
    with FrontDoor(sandbox_url, tmp_path_factory.mktemp("front-door")) as door:
        yield door


@pytest.fixture
def door(front_door, monkeypatch):
    for name, value in front_door.environment.items():
        monkeypatch.setenv(name, value)
    front_door.hosts.clear()
    return front_door


@pytest.fixture
def sdk(door):  # noqa: ARG001 - its environment
    return CheckoutSdk.builder().secret_key(defaults.SECRET_KEY).environment_subdomain(PREFIX).build()


def oauth(**changes):
    """A builder with an access key; None leaves a part out."""
    wanted = {"client_credentials": (defaults.CLIENT_ID, defaults.CLIENT_SECRET), "environment_subdomain": (PREFIX,)}
    wanted |= {"scopes": ([OAuthScopes.GATEWAY],)} | changes
    builder = CheckoutSdk.builder().oauth()
    for name, values in wanted.items():
        if values is not None:
            getattr(builder, name)(*values)
    return builder


@pytest.mark.parametrize("profile", ["kind", "strict"])
@pytest.mark.parametrize("name", CALLS)
def test_the_call_does_what_it_says(name, profile, sdk, shop, receiver):
    if profile == "strict":  # in all but the scopes, without which most calls would be refused
        shop.control("PUT", "profiles", {"strict": True, "scopes": False})
    recorder = Recorder(sdk)
    CALLS[name](recorder, shop, receiver)
    assert name in recorder.made


def test_every_call_is_tried_or_left_out_for_a_reason(sdk):
    there = {f"{subject}.{name}" for subject in SUBJECTS for name in calls(getattr(sdk, subject))}
    assert there == {*CALLS, *PYTHON}
    assert not set(CALLS) & set(PYTHON)


def test_every_subject_is_tried_or_left_out_for_a_reason(sdk):
    assert set(vars(sdk)) == {*SUBJECTS, *PYTHON_SUBJECTS}
    assert all((PYTHON | PYTHON_SUBJECTS).values())


def test_calls_and_tokens_go_to_the_merchants_own_hosts(shop, door):
    captured(Recorder(oauth().build()), shop)
    assert set(door.hosts) == {f"{PREFIX}.{API}", f"{PREFIX}.{ACCESS}"}


@pytest.mark.usefixtures("door", "shop")
def test_a_token_opens_what_it_was_asked_for_and_no_more():
    sdk = oauth(scopes=([OAuthScopes.VAULT_CUSTOMERS, OAuthScopes.PAYMENTS_SEARCH],)).build()
    assert sdk.payments.search_payments({}).data == []
    with pytest.raises(CheckoutApiException) as refusal:
        sdk.payments.request_payment(first_request())
    assert refusal.value.http_metadata.status_code == 403
    for changes, error in (
        ({"scopes": (["gateway", "everything"],)}, "invalid_scope"),
        ({"client_credentials": (defaults.CLIENT_ID, "wrong")}, "invalid_client"),
    ):
        with pytest.raises(CheckoutAuthorizationException, match=error):
            oauth(**changes).build()


@pytest.mark.usefixtures("shop")
def test_the_token_endpoint_may_be_named(door):
    uri = f"https://{PREFIX}.{ACCESS}/connect/token"
    builder = oauth(environment_subdomain=None, authorization_uri=(uri,))
    with pytest.warns(DeprecationWarning, match="use_legacy_domain"):
        builder.use_legacy_domain()
    sdk = builder.build()
    assert sdk.payments.request_payment(first_request()).status == "Pending"
    assert door.hosts == [f"{PREFIX}.{ACCESS}", API]


@pytest.mark.parametrize("name", ["payments.request_payment", "payments.refund_payment"])
@pytest.mark.usefixtures("door")
def test_money_moves_with_a_token_as_with_a_key(name, shop, receiver):
    CALLS[name](Recorder(oauth().build()), shop, receiver)
