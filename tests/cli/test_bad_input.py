"""What people mistype is refused in one sentence, and nothing is changed."""

import pytest

# ruff: noqa: RUF001 - digits of other scripts are the point
IDS = [
    *("", "x", "12345", "zzzzzz", "123456", "00000000-0000-0000-0000-000000000000", "../etc/passwd", "a" * 10_000),
    *("1' OR '1'='1", "%", "김철수", "\x00", "１２３４５６", "[red]", "\x1b[31mabcdef"),
]
INSTANTS = [
    *("", "tomorrow", "2027-02-30", "2027-13-01", "2027-03-01T24:00", "2027-03-01T10:60", "2027-03-01T10:00+25:00"),
    *("0000-01-01", "0001-01-01", "9999-12-31", "20270301", "1803862800", "2027-03-01T10:00:60Z", "２０２７-03-01"),
    *("2027-W09-1", "NaN", "2027-03-01T10:00Z[Asia/Seoul]"),
]
DURATIONS = ["", "1", "mo", "0d", "-1d", "1.5d", "1m", "1 d", "99999d", "1mo2d", "１d", "1e3h", "inf", "9999y"]
NUMBERS = ["", "-1", "1.5", "1e3", "1_000", " 5 ", "NaN", "Infinity", "０", "2147483648000000", "true", "₩3000"]


def one_sentence(told) -> bool:
    return told.code in (1, 2) and told.err.startswith("error: ") and told.err.count("\n") == 1 and told.out == ""


@pytest.mark.parametrize(
    "command",
    [
        ("subscriptions", "show"),
        ("charges", "show"),
        ("source", "revoke", "--yes"),
    ],
    ids=" ".join,
)
def test_a_bad_id_is_one_sentence(lived, command):
    for ident in IDS:
        told = lived.billing(*command, "--", ident)
        assert one_sentence(told), (ident, told)
        assert len(told.err) < 400
        assert "\x1b" not in told.err


@pytest.mark.parametrize("command", [("run-due", "--at"), ("clock", "set", "--")], ids=" ".join)
def test_a_bad_instant_is_one_sentence(lived, command):
    for instant in INSTANTS:
        told = lived.billing(*command, instant)
        assert one_sentence(told), (instant, told)
        assert told.code == 2, (instant, told)


def test_a_bad_duration_is_one_sentence(lived):
    for duration in DURATIONS:
        told = lived.billing("clock", "advance", "--", duration)
        assert one_sentence(told), (duration, told)


def test_a_bad_amount_is_one_sentence(lived):
    ident = lived.id_of("SELECT id FROM charge WHERE state = 'captured' LIMIT 1")
    refunds = lived.ask("SELECT COUNT(*) FROM refund")
    for number in NUMBERS:
        told = lived.billing("refunds", "create", ident, f"--amount={number}", "--yes")
        assert one_sentence(told), (number, told)
    assert lived.ask("SELECT COUNT(*) FROM refund") == refunds


@pytest.mark.parametrize(
    ("content", "told_is"),
    [
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"", "is empty"),
        (b"[[plans]", "is not valid TOML"),
        (b"plans = 1", "is not a list of plans"),
        (b"\xef\xbb\xbf[[plans]]", "byte order mark"),
        (b"x" * 1_000_001, "is larger than"),
        (b"[[plans]]\ncode = 'a\x00'", "NUL"),
    ],
)
def test_a_bad_catalog_is_refused_with_its_line(lived, tmp_path, content, told_is):
    file = tmp_path / "bad.toml"
    file.write_bytes(content)
    told = lived.billing("plans", "apply", str(file), "--yes")
    assert told.code == 1
    assert str(file) in told.err
    assert told_is in told.err


def test_a_file_that_is_not_there_or_no_file_is_told(lived, tmp_path):
    assert lived.billing("plans", "apply", "nowhere.toml").err == "error: nowhere.toml: No such file or directory\n"
    assert lived.billing("plans", "apply", str(tmp_path)).err == f"error: {tmp_path}: Is a directory\n"


@pytest.mark.parametrize(
    "command",
    [
        ("nonsense",),
        ("plans", "nonsense"),
        ("plans",),
        ("subscriptions", "list", "--state", "happy"),
        ("subscriptions", "list", "--limit", "0"),
        ("subscriptions", "list", "--limit", "10001"),
        ("events", "--after", "-1"),
        ("webhooks", "--state", "lost"),
        ("parked", "release", "thing", "3", "--reason", "x"),
        ("parked", "release", "charge", "abcdef"),
        ("parked", "release", "charge", "abcdef", "--reason", "x", "--bill", "none"),
        ("charges", "show"),
        ("--nonsense",),
    ],
    ids=" ".join,
)
def test_misuse_exits_2(lived, command):
    told = lived.billing(*command)
    assert told.code == 2
    assert told.err.startswith("error: ") or "Usage" in told.out


def test_a_configuration_that_cannot_be_used_is_told(lived, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text('[daemon]\ntick_second = 5.0\n[window]\nzone = "Asia/Soul"\n', encoding="utf-8")
    lived.config = bad
    told = lived.billing("plans", "list")
    assert told.code == 1
    assert "daemon.tick_second is not a setting; did you mean tick_seconds?" in told.err
    assert "Asia/Soul" in told.err
    lived.config = tmp_path / "nowhere.toml"
    assert lived.billing("plans", "list").err == f"error: {tmp_path / 'nowhere.toml'}: there is no such file\n"


def test_a_database_that_is_not_there_is_told_and_not_made(empty):
    told = empty.billing("plans", "list")
    assert (told.code, told.err) == (1, "error: the database is empty; run `billing migrate`\n")
    assert not (empty.config.parent / "new.db").exists()


def test_a_folder_that_is_not_there_is_told(empty, tmp_path):
    empty.config.write_text(f'[database]\nurl = "sqlite:///{tmp_path}/no/such/folder.db"\n', encoding="utf-8")
    told = empty.billing("migrate")
    assert told.code == 1
    assert "the database cannot be used (unable to open database file)" in told.err


def test_a_postgres_that_is_not_there_is_told_without_its_password(empty, monkeypatch):
    empty.config.write_text("", encoding="utf-8")
    monkeypatch.setenv("BILLING_DATABASE__URL", "postgresql://me:hunter2@127.0.0.1:1/nothing?connect_timeout=1")
    told = empty.billing("plans", "list")
    assert told.code == 1
    assert "the database cannot be used" in told.err
    assert "hunter2" not in told.err


def test_a_copied_database_is_read_but_never_acted_on(lived):
    lived.write("UPDATE installation SET bound_to = '{}'")
    assert lived.billing("subscriptions", "list").code == 0
    for command in (("run-due",), ("plans", "pause", "basic", "--yes"), ("go", "--yes"), ("clock", "advance", "1d")):
        told = lived.billing(*command)
        assert told.code == 1
        assert "belongs to another installation" in told.err


def test_an_older_and_a_newer_schema_are_told(lived):
    lived.write("UPDATE alembic_version SET version_num = '0000'")
    assert "older schema; run `billing migrate`" in lived.billing("plans", "list").err
    lived.write("UPDATE alembic_version SET version_num = '9999'")
    assert "newer schema" in lived.billing("plans", "list").err
    assert "newer schema" in lived.billing("migrate").err


def test_a_bug_is_one_sentence_too(lived, monkeypatch):
    monkeypatch.setattr("billing.entrypoints.cli.plans.list_prices", lambda *_: 1 / 0)
    told = lived.billing("plans", "list")
    assert told.code == 1
    assert told.err == (
        "error: unexpected: ZeroDivisionError: division by zero "
        "(this is a bug; BILLING_TRACE=1 shows where it happened)\n"
    )
