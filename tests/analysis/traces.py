"""SIM_TRACE files made up for tests."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from sim.trace import COLUMNS
from sim.track import load_track


def write_trace(
    path: Path,
    *,
    laps: int = 3,
    weave_m: float = 0.02,
    direction: str = "counter-clockwise",
    pause_s: float = 900.0,
    wall_clock: float = 0.0,
) -> Path:
    """Write laps of a car that weaves along a track at 15 steps a second and 1.5 m/s, as SIM_TRACE."""
    track = load_track("reinvent-2018", direction)
    rows = [",".join(COLUMNS)]
    time_s = 0.0
    for episode in range(laps):
        arcs = np.arange(0.0, track.length_m + 0.1, 0.1)
        for step, arc_m in enumerate(arcs.tolist()):
            x, y, yaw = track.pose_at(arc_m % track.length_m, weave_m * math.sin(4 * arc_m))
            progress = min(100.0, 100.0 * arc_m / track.length_m)
            values: dict[str, float] = {
                "episode": episode,
                "steps": step,
                "X": x,
                "Y": y,
                "yaw": math.degrees(yaw),
                "steer": 5.0 if step % 2 else -5.0,
                "throttle": 1.5,
                "progress": progress,
                "track_len": track.length_m,
                "tstamp": time_s + step / 15.0,
                "wall_clock": wall_clock,
            }
            status = "lap_complete" if progress >= 100 else "in_progress"
            words = {"action": "1", "episode_status": status}
            rows.append(",".join(str({**values, **words}.get(name, 0)) for name in COLUMNS))
        time_s += len(arcs) / 15.0 + pause_s
    path.write_text("\n".join(rows) + "\n")
    return path


def write_metrics(path: Path, *seconds: float) -> Path:
    """Write whole laps as a metrics file."""
    trials = [{"completion_percentage": 100, "elapsed_time_in_milliseconds": 1000 * one} for one in seconds]
    path.write_text(json.dumps({"metrics": trials, "version": "2.0"}))
    return path


def spoil(path: Path, line: int, text: str) -> None:
    """Replace a line of a file, counted from 1."""
    lines = path.read_text().splitlines()
    lines[line - 1] = text
    path.write_text("\n".join(lines) + "\n")
