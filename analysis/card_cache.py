"""Scorecards kept beside their logs, so that a list of a hundred runs reads a hundred small files.

The same rules as for the index (`analysis.log_index`): keyed by the log's files, passed over when stale or
damaged, and nobody is told when the folder cannot be written.
"""

from __future__ import annotations

import contextlib
import json
import math
from pathlib import Path
from typing import Any

from analysis.log_index import fingerprint, open_log
from analysis.run_card import BY_KEY, RunCard, run_card
from car.errors import Sim2RaceError
from car.files import write_atomically

FORMAT = 5
"""Rises when what is kept changes its meaning, so that older scorecards are computed anew."""

MAX_BYTES = 4 * 2**20
"""A scorecard of a thousand laps has half of this."""


def read_card(path: Path) -> RunCard:
    """Return the scorecard of a log: the one kept beside it, or one computed and kept now.

    Raises:
        BadFileError: there is no log, or nothing in it can be read.
    """
    mark = f"{FORMAT}-{fingerprint(path)}" if path.exists() else ""
    kept = _kept(path, mark)
    if kept is not None:
        return kept
    card = run_card(open_log(path))
    with contextlib.suppress(Sim2RaceError):
        write_atomically(card_path(path), json.dumps({"mark": mark, **card_json(card)}))
    return card


def card_path(path: Path) -> Path:
    """Return where the scorecard of a log lies."""
    if path.is_dir():
        return path / ".sim2race-card.json"
    return path.with_name(f".{path.name}.sim2race-card.json")


def card_json(card: RunCard) -> dict[str, Any]:
    """Return a scorecard as plain JSON types; unknown figures are null."""
    return {
        "name": card.name,
        "track": card.track,
        "figures": _plain(card.figures),
        "pieces": [_plain(piece) for piece in card.pieces],
        "piece_kind": card.piece_kind,
        "laps_s": card.laps_s,
        "best_means_s": card.best_means_s,
        "parameters": card.parameters,
        "stand_ins": card.stand_ins,
    }


def card_from_json(data: dict[str, Any]) -> RunCard:
    """Return the scorecard that `card_json` wrote; KeyError, TypeError or ValueError where it is none."""
    return RunCard(
        name=str(data["name"]),
        track=str(data["track"]),
        figures=_numbers(data["figures"]),
        pieces=[_numbers(piece) for piece in data["pieces"]],
        piece_kind="lap" if data["piece_kind"] == "lap" else "piece",
        laps_s=[float(value) for value in data["laps_s"]],
        best_means_s=[float(value) for value in data["best_means_s"]],
        parameters=[str(line) for line in data["parameters"]],
        stand_ins={str(key): str(how) for key, how in data["stand_ins"].items() if key in BY_KEY},
    )


def _kept(path: Path, mark: str) -> RunCard | None:
    beside = card_path(path)
    try:
        if beside.is_symlink() or beside.stat().st_size > MAX_BYTES:
            return None
        data = json.loads(beside.read_text())
        return card_from_json(data) if data["mark"] == mark else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _numbers(figures: dict[str, float | None]) -> dict[str, float]:
    values = {key: figures[key] for key in BY_KEY}
    return {key: math.nan if value is None else float(value) for key, value in values.items()}


def _plain(figures: dict[str, float]) -> dict[str, float | None]:
    return {key: value if math.isfinite(value) else None for key, value in figures.items()}
