"""The section of a page in ``docs`` that is generated from the code, between two comments."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DOCS: Final = Path(__file__).resolve().parents[1] / "docs"


@dataclass(frozen=True)
class GeneratedSection:
    """``page`` is a file in ``docs``; ``name`` is the section between the comments; ``make TARGET`` writes it."""

    page: str
    name: str
    target: str

    def write(self, text: str) -> None:
        """Replace the section; with ``--check`` compare it, and exit with a message if it differs."""
        file = DOCS / self.page
        current = file.read_text(encoding="utf-8")
        begin, end = f"<!-- {self.name}: written by `make {self.target}` -->", f"<!-- end of {self.name} -->"
        before, rest = current.split(begin)
        generated = f"{before}{begin}\n\n{text}\n{end}{rest.split(end)[1]}"
        if "--check" not in sys.argv[1:]:
            file.write_text(generated, encoding="utf-8")
        elif current != generated:
            sys.exit(f"docs/{self.page} shows other {self.name} than the code; run `make {self.target}`")
