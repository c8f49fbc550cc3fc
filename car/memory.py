"""How much memory a process has had."""

from __future__ import annotations

import re
from pathlib import Path


def peak_mib() -> float:
    """Return the most memory that this process has had at a time, in MiB; 0 where the system does not tell.

    `getrusage` does not tell it: its figure begins with the memory of the process that started this one.
    """
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else 0.0
