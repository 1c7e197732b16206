import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

# The same examples on every machine and every run, and nothing written into the tree.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "hypothesis")
settings.register_profile("plans", deadline=None, derandomize=True, database=None)
settings.load_profile("plans")
