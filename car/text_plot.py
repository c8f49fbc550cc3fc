"""A curve in a terminal: a car's own computer has no display."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def text_plot(
    x: Sequence[float], y: Sequence[float], *, x_label: str, y_label: str, width: int = 56, height: int = 13
) -> str:
    """Draw points and the straight lines between them.

    Args:
        x: rising or falling, two or more.
        y: same length.
        x_label: what x is, with its unit.
        y_label: what y is, with its unit.
        width: columns inside the frame.
        height: lines inside the frame.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    order = np.argsort(xs)
    xs, ys = xs[order], ys[order]
    columns = np.arange(width)
    line = np.interp(xs[0] + columns / (width - 1) * np.ptp(xs), xs, ys)
    canvas = [[" "] * width for _ in range(height)]
    for column, row in zip(columns, _rows(line, ys, height), strict=True):
        canvas[row][column] = "·"
    point_columns = np.rint((xs - xs[0]) / np.ptp(xs) * (width - 1)).astype(int)
    for column, row in zip(point_columns, _rows(ys, ys, height), strict=True):
        canvas[row][column] = "●"
    marks = [""] * height
    marks[0], marks[-1] = f"{ys.max():.6g}", f"{ys.min():.6g}"
    margin = max(len(mark) for mark in marks)
    lines = [f"{mark:>{margin}} │{''.join(row)}" for mark, row in zip(marks, canvas, strict=True)]
    left, right = f"{xs[0]:.6g}", f"{xs[-1]:.6g}"
    axis = left + x_label.center(width - len(left) - len(right)) + right
    return "\n".join(
        [f"{'':>{margin}}  {y_label}", *lines, f"{'':>{margin}} └{'─' * width}", f"{'':>{margin}}  {axis}"]
    )


def _rows(values: NDArray[np.float64], ys: NDArray[np.float64], height: int) -> NDArray[np.int64]:
    """Return the line of each value, 0 at the top."""
    span = np.ptp(ys) or 1.0
    return np.asarray(np.rint((ys.max() - values) / span * (height - 1)), dtype=np.int64)
