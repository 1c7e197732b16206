"""The crash tests share the story tests' checks of the books."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "stories"))
