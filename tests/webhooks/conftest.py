import pytest
from receiving import Post, receiving


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


@pytest.fixture
def another():
    with receiving() as one:
        yield one


@pytest.fixture
def post(world):
    """Once on SQLite and once on PostgreSQL."""
    return Post(world)


@pytest.fixture
def lite(sqlite_world):
    return Post(sqlite_world)
