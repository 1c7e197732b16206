"""The part of a page that is written from the code, between two comments."""

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Written:
    """``page`` is in this folder; ``what`` stands in it between comments, and is written by ``make TARGET``."""

    page: str
    what: str
    target: str

    def put(self, text: str) -> None:
        """Write the part anew; with ``--check`` only compare, and end the program with a sentence if it differs."""
        file = Path(__file__).with_name(self.page)
        now = file.read_text(encoding="utf-8")
        begin, end = f"<!-- {self.what}: written by `make {self.target}` -->", f"<!-- end of {self.what} -->"
        before, rest = now.split(begin)
        written = f"{before}{begin}\n\n{text}\n{end}{rest.split(end)[1]}"
        if "--check" not in sys.argv[1:]:
            file.write_text(written, encoding="utf-8")
        elif now != written:
            sys.exit(f"docs/{self.page} tells of other {self.what} than the code; run `make {self.target}`")
