"""What processes have used, as Linux counts it."""

import os
from pathlib import Path
from typing import Final

_TICK: Final = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a living process, without its children."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICK


def cpu_of_tree(pid: int) -> float:
    """Return the CPU seconds of a process, of its living children and of those that ended."""
    total = 0.0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = _stat(int(entry.name))
            except OSError:
                continue
            if int(entry.name) == pid:
                total += sum(int(field) for field in fields[11:15]) / _TICK
            elif int(fields[1]) == pid:
                total += (int(fields[11]) + int(fields[12])) / _TICK
    return total


def peak_mb(pid: int) -> float:
    """Return the most memory that a living process ever held, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
