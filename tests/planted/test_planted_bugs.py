"""Each planted bug is caught, by what it names, for the reason it names, and in time; without it nothing is caught."""

import shutil

import pytest

from tests.planted.bugs import FOLDER, MovedOn, read_bugs
from tests.planted.hunting import PASSED, TESTS_FAILED, Catchers
from tests.planted.trees import ROOT, copy_project, twin_of

BUGS = read_bugs()
LIVED_THROUGH_WITHOUT_ANY_BUG = 504
"""The worlds that the simulation's own test lives through: no bug may name others, which nobody has seen go well."""

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="session")
def clean(tmp_path_factory):
    """The project as it is, in another place."""
    return copy_project(tmp_path_factory.mktemp("planted") / "clean")


@pytest.fixture(scope="session")
def catchers():
    with Catchers() as one:
        yield one


@pytest.fixture
def tree(clean, tmp_path):
    """A tree of this test's own, to plant a bug in."""
    yield twin_of(clean, tmp_path / "tree")
    shutil.rmtree(tmp_path / "tree")


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_caught(bug, tree, catchers):
    bug.plant(tree)
    if bug.invariants:
        caught = catchers.live_through(tree, bug)
        assert caught.failed, f"{caught.lived} worlds went well with this bug: {bug.does}"
        assert caught.numbers <= bug.invariants, caught.told()
    if bug.tests:
        caught = catchers.run_tests(tree, bug)
        assert caught.exit == TESTS_FAILED, f"the tests did not fail with this bug: {bug.does}"
        failed = [each["what"] for each in caught.failed]
        silent = [test for test in bug.tests if not any(name.startswith(test) for name in failed)]
        assert not silent, "these tests did not fail, or broke before they asserted anything"


def test_the_same_tests_and_worlds_go_well_in_a_copy_without_a_bug(clean, catchers):
    """One test of each file, which shows that the copy lacks nothing: the others run with all the rest."""
    tests = {test.partition("::")[0]: test for bug in BUGS for test in bug.tests}
    done = catchers.run_these(clean, sorted(tests.values()))
    assert done.exit == PASSED, done.told()
    assert done.passed >= len(tests)
    in_search = next(bug for bug in BUGS if bug.invariants and not bug.without)
    seen = catchers.live_through(clean, in_search, worlds=2)
    assert seen.lived == 2
    assert not seen.failed, seen.told()


def test_every_bug_names_who_must_catch_it_and_worlds_that_are_known_to_go_well_and_is_in_the_table():
    assert len(BUGS) >= 30
    told = (FOLDER.parent / "README.md").read_text()
    for bug in BUGS:
        assert bug.invariants or bug.tests, bug.name
        assert bug.first_world >= 1
        assert f"| {bug.name} |" in told
        assert bug.first_world + bug.worlds - 1 <= LIVED_THROUGH_WITHOUT_ANY_BUG


def test_the_tests_that_must_catch_a_bug_exist():
    for test in {test for bug in BUGS for test in bug.tests}:
        file, _, name = test.partition("::")
        assert f"\ndef {name.partition('[')[0]}(" in (ROOT / file).read_text(), test


def test_a_bug_whose_code_has_moved_on_says_so(clean, tmp_path):
    bug = BUGS[0]
    tree = twin_of(clean, tmp_path / "tree")
    bug.plant(tree)
    with pytest.raises(MovedOn, match=bug.name):
        bug.plant(tree)
    for file in bug.files:
        assert (clean / file).read_text() != (tree / file).read_text()
