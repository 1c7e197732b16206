"""`billing stop`, `go` and `migrate`."""


def test_stop_charges_nobody_until_go(world, shop):
    world.subscribe("kim")
    told = shop.billing("stop", "prices look wrong")
    assert told.code == 0
    assert "Charging is stopped: prices look wrong." in told.words
    world.sweep_at("2027-02-28 12:00")
    assert len(world.payments()) == 1
    assert shop.ask("SELECT COUNT(*) FROM invoice WHERE state = 'open'") == 1
    go = shop.billing("go", answer="y\n")
    assert "1 invoice is due at once (charging is stopped: prices look wrong)" in go.err
    assert "Charging is allowed" in go.out
    world.sweep()
    assert len(world.payments()) == 2


def test_stop_does_not_ask_and_tells_json(lived):
    assert lived.billing("stop", "--json").json == {"charging": False, "because": "stopped by hand"}
    assert lived.billing("go", "--yes", "--json").json == {"charging": True, "adopted": False, "due": 0}
    told = lived.billing("events", "--type", "installation", "--json").json
    assert [event["type"] for event in told] == ["installation.charging_allowed", "installation.charging_stopped"]
    assert told[0]["actor"].startswith("cli:")


def test_go_without_a_yes_changes_nothing(lived):
    lived.billing("stop")
    assert lived.billing("go", answer="n\n").code == 1
    assert lived.ask("SELECT stopped_because FROM installation") == "stopped by hand"


def test_go_adopt_binds_a_moved_database(lived):
    lived.write("UPDATE installation SET bound_to = '{}'")
    assert lived.billing("run-due").code == 1
    asked = lived.billing("go", "--adopt", answer="n\n")
    assert asked.code == 1
    assert "If another copy of it is in use, subscribers are charged twice." in asked.err
    assert "The database is adopted." in lived.billing("go", "--adopt", "--yes").out
    assert lived.billing("run-due").code == 0


def test_migrate_makes_a_database_once(empty):
    told = empty.billing("migrate", "--json").json
    assert (told["from"], told["changed"]) == (None, True)
    assert "already" in empty.billing("migrate").words
    installation = empty.ask("SELECT id FROM installation")
    assert empty.billing("migrate", "--json").json["changed"] is False
    assert empty.ask("SELECT id FROM installation") == installation
    assert empty.billing("plans", "list").out.startswith("There are no plans yet")


def test_migrate_tells_where_the_database_is(empty):
    assert "new.db is ready, with schema" in empty.billing("migrate", width=200).out
