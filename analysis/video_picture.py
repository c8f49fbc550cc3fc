"""One picture of the video: the frame with its heat map, the actions, the command, the place on the track."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from analysis.log_card import model_name
from analysis.metrics import frame_times_s, latencies_ms
from analysis.replay import command_limits, steering_order
from analysis.track_outline import track_outline
from car.log_reader import CarLog

WIDTH, HEIGHT = 1280, 720
_STAGE = (20, 64, 720, 540)
_MAP = (764, 64, 496, 262)
_BARS = (764, 352, 496, 252)
_ROW = 634

# BGR would do for OpenCV; the pictures are RGB, as everywhere here.
_GROUND, _PANEL, _LINE = (11, 14, 17), (26, 32, 38), (70, 80, 90)
_TEXT, _MUTED, _ACCENT, _PATH = (238, 242, 245), (149, 161, 173), (255, 159, 28), (93, 106, 118)

Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class _Projection:
    scale: float
    x0: float
    y0: float

    def pixels(self, points_m: NDArray[np.floating]) -> NDArray[np.int32]:
        """Return (N, 2) pixels of (N, 2) metres; y is up on the track and down in the picture."""
        flat = np.stack(
            [self.x0 + self.scale * points_m[:, 0], self.y0 - self.scale * points_m[:, 1]], axis=1
        )
        return np.rint(flat).astype(np.int32)


class VideoPainter:
    """Paints a log's frames on a background that is painted once.

    Args:
        log: the log, with the decisions to show.
        opacity: of heat maps, 0 to 1.
        caption: what the heat maps show; empty for nothing to say.
    """

    def __init__(self, log: CarLog, *, opacity: float = 0.75, caption: str = "") -> None:
        self._log, self._opacity, self._caption = log, opacity, caption
        self._actions = steering_order(log.action_space)
        self._limits = command_limits(log)
        self._seconds = frame_times_s(log.frames)
        self._latency = latencies_ms(log.frames)
        self._place = np.stack([log.frames.x_m, log.frames.y_m], axis=1)
        self._projection: _Projection | None = None
        self._still = np.full((HEIGHT, WIDTH, 3), _GROUND, np.uint8)
        self._paint_still()

    def paint(self, index: int, image: Rgb | None, heat: Rgb | None) -> Rgb:
        """Return the (720, 1280, 3) RGB picture of one frame.

        Args:
            index: frame of the log.
            image: (120, 160, 3) RGB, or None where it cannot be read.
            heat: (120, 160, 4) RGBA map to lay over, or None.
        """
        picture = self._still.copy()
        self._paint_stage(picture, image, heat)
        self._paint_actions(picture, index)
        self._paint_command(picture, index)
        self._paint_place(picture, index)
        seconds = self._seconds[index]
        clock = f"{int(seconds // 60)}:{seconds % 60:06.3f}   frame {index + 1}"
        _write(picture, clock, (WIDTH - 330, 40), 0.7, _TEXT)
        return picture

    def _paint_still(self) -> None:
        name, track = model_name(self._log), str(self._log.run.get("track") or "")
        _write(self._still, f"{name[:48]}   {track[:30]}", (20, 40), 0.8, _TEXT)
        for x, y, w, h in (_STAGE, _MAP, _BARS):
            cv2.rectangle(self._still, (x, y), (x + w, y + h), _PANEL, -1)
        outline = track_outline(self._log.run)
        borders = [outline.left_m, outline.right_m] if outline else []
        known = self._place[np.isfinite(self._place).all(axis=1)]
        points = np.concatenate([*borders, known]) if len(known) or borders else np.zeros((0, 2))
        if len(points):
            self._projection = _fit(points)
            for border in borders:
                line = self._projection.pixels(border)
                cv2.polylines(self._still, [line], True, _LINE, 2, cv2.LINE_AA)
        for column, action in enumerate(self._actions):
            x = self._bar_x(column)
            label = f"{action.steering_deg:+g}".replace("+0", "0")
            _write(self._still, label, (x, _BARS[1] + 226), 0.45, _MUTED)
            _write(self._still, f"{action.speed_mps:g}", (x, _BARS[1] + 244), 0.4, _PATH)

    def _paint_stage(self, picture: Rgb, image: Rgb | None, heat: Rgb | None) -> None:
        x, y, w, h = _STAGE
        if image is None:
            _write(picture, "no picture", (x + w // 2 - 70, y + h // 2), 0.8, _MUTED)
            return
        if heat is not None:
            grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[:, :, None].astype(np.float32)
            alpha = heat[:, :, 3:].astype(np.float32) * (self._opacity / 255.0)
            image = (grey * (1.0 - alpha) + heat[:, :, :3] * alpha).astype(np.uint8)
        cv2.resize(image, (w, h), dst=picture[y : y + h, x : x + w], interpolation=cv2.INTER_LINEAR)
        if heat is not None and self._caption:
            _write(picture, self._caption, (x + 10, y + h - 12), 0.5, _TEXT)

    def _paint_actions(self, picture: Rgb, index: int) -> None:
        x, y, w, _ = _BARS
        outputs = self._log.frames.probabilities[index]
        if not self._actions:
            names = ("steering", "speed") if len(outputs) == 2 else ()
            for row, (name, value) in enumerate(zip(names, outputs, strict=False)):
                middle, top = x + w // 2, y + 60 + 90 * row
                _write(picture, f"{name} {value:+.2f}", (x + 12, top - 10), 0.6, _TEXT)
                # Steering is drawn as it is seen: left to the left.
                reach = 0 if not np.isfinite(value) else int(np.clip(value, -1, 1) * (w // 2 - 16))
                end = middle - reach if row == 0 else middle + reach
                cv2.rectangle(picture, (middle, top), (end, top + 26), _ACCENT, -1)
                cv2.line(picture, (middle, top - 4), (middle, top + 30), _MUTED, 2)
            return
        chosen = int(self._log.frames.action[index])
        width = max(2, (w - 16) // len(self._actions) - 6)
        for column, action in enumerate(self._actions):
            share = float(outputs[action.index]) if action.index < len(outputs) else math.nan
            if not math.isfinite(share):
                continue
            left, base = self._bar_x(column), y + 206
            colour = _ACCENT if action.index == chosen else _PATH
            cv2.rectangle(picture, (left, base - round(190 * share)), (left + width, base), colour, -1)

    def _paint_command(self, picture: Rgb, index: int) -> None:
        frames = self._log.frames
        steering = math.degrees(float(frames.steering_rad[index]))
        speed, true = float(frames.speed_mps[index]), float(frames.true_speed_mps[index])
        for name, value, unit, x, limits in (
            ("steering", steering, "deg", 20, self._limits["steering_deg"]),
            ("speed", speed, "m/s", 400, self._limits["speed_mps"]),
        ):
            text = f"{value:+.1f}" if name == "steering" else f"{value:.2f}"
            _write(picture, f"{name} {text if math.isfinite(value) else '-'} {unit}", (x, _ROW), 0.7, _TEXT)
            cv2.rectangle(picture, (x, _ROW + 16), (x + 340, _ROW + 40), _PANEL, -1)
            if not math.isfinite(value):
                continue
            low, high = limits
            if name == "steering":
                reach = max(abs(low), abs(high))
                end, start = x + 170 - round(170 * float(np.clip(value / reach, -1, 1))), x + 170
            else:
                end, start = x + round(340 * float(np.clip(value / (high or 1.0), 0, 1))), x
            cv2.rectangle(picture, (min(start, end), _ROW + 16), (max(start, end), _ROW + 40), _ACCENT, -1)
        latency = self._latency[index]
        facts = [f"{true:.2f} m/s true"] if math.isfinite(true) else []
        facts += [f"{latency:.1f} ms camera to PWM"] if math.isfinite(latency) else []
        facts += [str(frames.state[index])] if frames.state[index] else []
        _write(picture, "   ".join(facts), (764, _ROW + 34), 0.6, _MUTED)

    def _paint_place(self, picture: Rgb, index: int) -> None:
        if self._projection is None or not np.isfinite(self._place[index]).all():
            return
        trail = self._place[max(0, index - 60) : index + 1]
        line = self._projection.pixels(trail[np.isfinite(trail).all(axis=1)])
        # A car put back on the track did not drive there.
        jumps = np.flatnonzero(np.hypot(*np.diff(line, axis=0).T) > 0.5 * self._projection.scale)
        if len(jumps):
            line = line[jumps[-1] + 1 :]
        cv2.polylines(picture, [line], False, _ACCENT, 2, cv2.LINE_AA)
        cv2.circle(picture, [int(value) for value in line[-1]], 7, _ACCENT, -1, cv2.LINE_AA)

    def _bar_x(self, column: int) -> int:
        x, _, w, _ = _BARS
        return x + 12 + column * ((w - 16) // max(1, len(self._actions)))


def _fit(points_m: NDArray[np.floating]) -> _Projection:
    x, y, w, h = _MAP
    low, high = points_m.min(axis=0), points_m.max(axis=0)
    scale = float(min((w - 40) / max(high[0] - low[0], 0.1), (h - 40) / max(high[1] - low[1], 0.1)))
    middle = (low + high) / 2
    return _Projection(scale, x + w / 2 - scale * float(middle[0]), y + h / 2 + scale * float(middle[1]))


def _write(picture: Rgb, text: str, at: tuple[int, int], size: float, colour: tuple[int, int, int]) -> None:
    """Write ASCII; OpenCV draws a question mark for anything else."""
    plain = "".join(letter if 32 <= ord(letter) < 127 else "?" for letter in text)
    cv2.putText(picture, plain, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
