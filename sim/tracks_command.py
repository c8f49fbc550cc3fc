"""`sim2race tracks`: the tracks there are, and what one is like."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from sim.pictures import MapPicture, save_picture
from sim.random_track import is_random
from sim.track import Track, load_track, track_names, track_title


@dataclass(frozen=True, kw_only=True)
class TracksConfig:
    """List the built-in tracks, or describe one."""

    track: Annotated[str | None, tyro.conf.Positional] = None
    """A built-in track, a `.npy` route file or random:seed=7,length=25; every built-in one if none."""
    picture: Path | None = None
    """Where to draw the track from above (PNG)."""


def run(config: TracksConfig) -> int:
    """Print the table and draw the picture."""
    names = track_names() if config.track is None else [config.track]
    table = Table(box=None)
    for heading in ("name", "length", "width", "tightest", "left / right", "about"):
        words = heading in ("name", "about")
        table.add_column(heading, justify="left" if words else "right", no_wrap=heading == "name")
    for name in names:
        track = load_track(name)
        about = track_title(name) if name in track_names() else _origin(name)
        table.add_row(*_describe(track), about)
    Console().print(table)
    if config.picture is not None:
        save_picture(config.picture, MapPicture(load_track(names[0])).image)
        Console().print(f"Wrote {config.picture}.")
    return 0


def _origin(name: str) -> str:
    return "random" if is_random(name) else "route file"


def _describe(track: Track) -> tuple[str, ...]:
    width = track.left_width_m + track.right_width_m
    # A quarter of a metre is about what the car's own length smooths; single samples are noise.
    window = max(1, round(0.25 / track.spacing_m))
    kernel = np.ones(window) / window
    wrapped = np.concatenate([track.curvature_1pm, track.curvature_1pm[: window - 1]])
    smooth = np.convolve(wrapped, kernel, mode="valid")
    left, right = np.mean(smooth > 0.25), np.mean(smooth < -0.25)
    return (
        track.name,
        f"{track.length_m:.2f} m",
        f"{np.median(width):.2f} m",
        f"{1.0 / np.max(np.abs(smooth)):.2f} m",
        f"{left:.0%} / {right:.0%}",
    )
