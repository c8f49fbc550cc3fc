"""Measure how long a ten-minute log takes to open: `python -m tests.car.open_log`.

Writes a log of 18 000 frames with every topic of a drive, as the nodes would, and opens it in a new process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.car.logs import write_synthetic_log

FRAMES = 18_000
OPEN = """
import sys, time
from pathlib import Path
from car.log_reader import read_log
from car.memory import peak_mib

before_mib = peak_mib()
started_s = time.perf_counter()
log = read_log(Path(sys.argv[1]))
opened_s = time.perf_counter() - started_s
after_mib = peak_mib()
started_s = time.perf_counter()
for index in range(0, len(log.frames), 18):
    log.jpeg(index)
jpeg_us = (time.perf_counter() - started_s) / len(range(0, len(log.frames), 18)) * 1e6
print(f"{len(log.frames)} frames opened in {opened_s:.2f} s, {after_mib - before_mib:.0f} MiB at the peak,")
print(f"then {jpeg_us:.0f} us for one picture")
"""


def main() -> None:
    """Write, open, print."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_synthetic_log(Path(folder), frames=FRAMES, pictures=300)
        size_mb = sum(file.stat().st_size for file in path.iterdir()) / 1e6
        print(f"a log of {size_mb:.0f} MB, {os.cpu_count()} cores")
        subprocess.run([sys.executable, "-c", OPEN, str(path)], check=True)


if __name__ == "__main__":
    main()
