"""A backend that uses the client which a generator made: asks what is on sale, enrols somebody, looks at it."""

import sys

from made import AuthenticatedClient
from made.api.plans import list_plans
from made.api.subscriptions import create_subscription, get_subscription
from made.models import (
    EnrolledSubscription,
    NewSubscription,
    NewSubscriptionTerminalType,
    PlanList,
    ProblemDetails,
    Subscription,
)


def main(url: str, key: str) -> None:
    with AuthenticatedClient(base_url=url, token=key) as client:
        plans = list_plans.sync(client=client)
        assert isinstance(plans, PlanList), plans
        wanted = NewSubscription(
            plan=plans.data[0].id,
            customer_reference="cust-generated",
            name="김하늘",
            email="haneul@example.test",
            terminal_type=NewSubscriptionTerminalType.WEB,
            success_url="http://127.0.0.1/ok",
            failure_url="http://127.0.0.1/failed",
        )
        made = create_subscription.sync(client=client, body=wanted)
        assert isinstance(made, EnrolledSubscription), made
        found = get_subscription.sync(made.id, client=client)
        assert isinstance(found, Subscription), found
        print(found.id, found.state)
        missing = get_subscription.sync("sub_" + "a" * 26, client=client)
        assert isinstance(missing, ProblemDetails), missing
        print(missing.code)


if __name__ == "__main__":
    main(*sys.argv[1:])
