"""A range of a log as a table, a moment of it as a picture: files to take elsewhere."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.heat_choice import Explainer, HeatChoice
from analysis.replay import Replay
from analysis.video_picture import VideoPainter
from car.errors import Sim2RaceError
from car.files import write_atomically
from car.log_reader import CarLog

_DIGITS = {"f": 9, "d": 17}


def write_table(replay: Replay, indices: NDArray[np.int64], path: Path) -> None:
    """Write every signal of some frames as CSV: a line per frame, a column per signal, units in the names.

    Args:
        replay: the log, see `analysis.replay`.
        indices: (N,) frames in order.
        path: the file.

    Raises:
        Sim2RaceError: the file cannot be written.
    """
    columns: dict[str, list[str]] = {"frame": [str(index) for index in indices]}
    for name, values in replay.columns.items():
        chosen = values[indices]
        if name == "state":
            columns[name] = [replay.states[code] for code in chosen]
        elif chosen.ndim == 1:
            columns[name] = _texts(chosen)
        else:
            columns |= {f"{name}_{i}": _texts(chosen[:, i]) for i in range(chosen.shape[1])}
    lines = io.StringIO()
    table = csv.writer(lines, lineterminator="\n")
    table.writerow(columns)
    table.writerows(zip(*columns.values(), strict=True))
    write_atomically(path, lines.getvalue())


def write_picture(log: CarLog, index: int, path: Path, *, choice: HeatChoice) -> None:
    """Write one frame, with all that the video shows of it, as PNG; the heat map is on the log's scale.

    Args:
        log: the log.
        index: which frame.
        path: the file.
        choice: whose decisions, and the heat map over the frame; a log without its policy has none.

    Raises:
        Sim2RaceError: the frame has no picture, the policy is refused, or the file cannot be written.
    """
    chosen = np.array([index])
    image = log.image(index)
    explainer = Explainer(log, choice, chosen)
    (overlay,) = explainer.overlays(chosen)
    painter = VideoPainter(explainer.shown, opacity=choice.opacity, caption=explainer.caption)
    done, packed = cv2.imencode(".png", painter.paint(index, image, overlay)[..., ::-1])
    if not done:
        raise Sim2RaceError("OpenCV could not encode the picture as PNG.")
    write_atomically(path, packed.tobytes())


def _texts(values: NDArray[Any]) -> list[str]:
    """Return numbers as short as they can be read back; what is unknown is empty."""
    if values.dtype.kind != "f":
        return [str(value) for value in values.tolist()]
    digits = _DIGITS[values.dtype.char]
    return [f"{value:.{digits}g}" if np.isfinite(value) else "" for value in values.tolist()]
