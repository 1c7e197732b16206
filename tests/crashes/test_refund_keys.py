"""A client that got no answer asks for its refund again under the same key: there is one refund, wherever we died."""

from itertools import count

from crashing import heal, make_mortal, survive
from flows import _charge_of, _subscribed
from harness import fresh_world
from soundness import assert_sound

from billing.operations.request_refund import request_refund


def test_a_refund_asked_for_again_under_its_key_is_the_first_one_wherever_the_process_died(sandbox, database_url):
    with fresh_world(sandbox.url, database_url) as world:
        boundaries = make_mortal(world)
        deaths = 0
        for at in count(1):
            who = f"u{at}"
            _subscribed(world, who)
            charge = _charge_of(world, who)

            def order(charge=charge, who=who):
                return request_refund(world.engine, charge, 100, reason="sorry", now=world.now, key=f"key-{who}")

            boundaries.arm(at)
            died = survive(world, boundaries, order)
            boundaries.arm(None)
            refund = order()
            assert order() == refund
            bound = charge.hex if world.engine.database.is_sqlite else charge
            rows = world.rows("SELECT id FROM refund WHERE charge_id = :id", id=bound)
            assert len(rows) == 1, f"died at boundary {at}"
            deaths += died
            if not died:
                break
        heal(world)
        assert deaths > 10
        assert set(world.states("refund")) == {"refunded"}
        assert_sound(world, at_rest=True)
