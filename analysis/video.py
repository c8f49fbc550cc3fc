"""`sim2race video`: a range of a log as mp4, with what the network looked at, at the frames' true times.

A frame is shown from its own stamp to the next one's, so a gap in the log is a gap in the video and the clock
in the picture is the clock on the wall. Painting and encoding run beside each other.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import av
import cv2
import numpy as np
import tyro
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress

from analysis.heat_choice import Explainer, HeatChoice, parse_target
from analysis.log_index import open_log
from analysis.metrics import frame_times_s
from analysis.video_picture import HEIGHT, WIDTH, VideoPainter
from car.errors import Sim2RaceError
from car.files import atomic_path
from car.log_reader import CarLog

TIME_BASE = Fraction(1, 90_000)
"""Tick of the video's clock; the usual one, and finer than any camera's jitter."""

_BATCH = 32
_WAITING = 32
_TAIL_S = 1 / 30

Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class VideoConfig:
    """Write a range of a car log as mp4: frame, heat map, actions, command and track map at true times."""

    log: Annotated[Path, tyro.conf.Positional]
    """A car log."""
    output: Path | None = None
    """The mp4; by default named after the log, in this folder."""
    start_s: float = 0.0
    """Seconds from the first frame."""
    end_s: float | None = None
    """Seconds from the first frame; by default the end of the log."""
    heat: Literal["hirescam", "all-layers", "gradcam", "community", "off"] = "hirescam"
    """Heat map to lay over the frame."""
    action: str = "executed"
    """What the map explains: executed, runner-up (why not that one), or the index of an action."""
    opacity: float = 0.75
    """Of the map, 0 to 1."""
    signed: bool = True
    """Tell what speaks against apart from what speaks for; without, only how much a place matters."""
    policy: Path | None = None
    """Another policy.onnx: its decisions and its heat map over the log's frames."""

    def choice(self) -> HeatChoice:
        """Return what is to be drawn.

        Raises:
            Sim2RaceError: no such action, or an opacity out of range.
        """
        return HeatChoice(self.heat, parse_target(self.action), self.opacity, self.signed, self.policy)


def run(config: VideoConfig) -> int:
    """Write the video and say how fast that was; Ctrl-C leaves no file.

    Raises:
        Sim2RaceError: the log cannot be read, holds no frame in that range, or the file cannot be written.
    """
    log = open_log(config.log)
    output = config.output or Path(f"{log.name}.mp4")
    indices = frames_between(log, config.start_s, config.end_s)
    console = Console()
    begun = time.perf_counter()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("Writing", total=len(indices))
        write_video(
            log,
            indices,
            output,
            choice=config.choice(),
            done=lambda count: progress.update(task, advance=count),
        )
    took_s = time.perf_counter() - begun
    seconds = frame_times_s(log.frames)
    shown_s = float(seconds[indices[-1]] - seconds[indices[0]])
    console.print(
        f"Wrote {output}: {shown_s:.1f} s of driving in {took_s:.1f} s, {shown_s / took_s:.1f} x real time.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 0


def frames_between(log: CarLog, start_s: float, end_s: float | None) -> NDArray[np.int64]:
    """Return the frames of a range of seconds from the first one.

    Raises:
        Sim2RaceError: there is none.
    """
    seconds = frame_times_s(log.frames)
    last = seconds[-1] if len(seconds) else 0.0
    end = last if end_s is None else end_s
    found = np.flatnonzero((seconds >= start_s) & (seconds <= end)).astype(np.int64)
    if not len(found):
        raise Sim2RaceError(
            f"{log.name} has no frame from {start_s:g} to {end:g} s; it ends at {last:.1f} s."
        )
    return found


def write_video(
    log: CarLog, indices: NDArray[np.int64], output: Path, *, choice: HeatChoice, done: Callable[[int], None]
) -> None:
    """Write frames of a log as mp4, whole or not at all.

    Args:
        log: the log.
        indices: (N,) frames in order.
        output: the file.
        choice: whose decisions, and the heat map over the frames; a log without its policy has none.
        done: called with the number of frames after each that was painted.

    Raises:
        Sim2RaceError: the file cannot be written, or the policy is refused.
    """
    seconds = frame_times_s(log.frames)[indices]
    with atomic_path(output) as aside, _Encoder(aside) as encoder:
        picture = None
        for number, picture in enumerate(_pictures(log, indices, choice)):
            encoder.write(picture, seconds[number] - seconds[0])
            done(1)
        if picture is not None:  # Again, so that the last frame is seen for as long as any other.
            encoder.write(picture, seconds[-1] - seconds[0] + _TAIL_S)


def _pictures(log: CarLog, indices: NDArray[np.int64], choice: HeatChoice) -> Iterator[Rgb]:
    explainer = Explainer(log, choice, indices)
    painter = VideoPainter(explainer.shown, opacity=choice.opacity, caption=explainer.caption)
    for at in range(0, len(indices), _BATCH):
        block = indices[at : at + _BATCH]
        for index, overlay in zip(block, explainer.overlays(block), strict=True):
            yield painter.paint(int(index), _image(log, int(index)), overlay)


def _image(log: CarLog, index: int) -> Rgb | None:
    try:
        return log.image(index)
    except Sim2RaceError:
        return None


class _Encoder:
    """Encodes pictures in a thread of its own, a few behind the painter."""

    def __init__(self, path: Path) -> None:
        self._waiting: queue.Queue[tuple[Rgb, float] | None] = queue.Queue(_WAITING)
        self._failure: Exception | None = None
        self._abandoned = False
        self._path = path
        self._thread = threading.Thread(target=self._work, name="encoder", daemon=True)

    def __enter__(self) -> _Encoder:
        self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._abandoned = kind is not None
        self._waiting.put(None)
        self._thread.join()
        if self._failure is not None and kind is None:
            raise Sim2RaceError(f"The video cannot be encoded: {self._failure}.") from self._failure

    def write(self, picture: Rgb, seconds: float) -> None:
        """Queue one picture to be shown from `seconds` on."""
        if self._failure is not None:
            raise Sim2RaceError(f"The video cannot be encoded: {self._failure}.") from self._failure
        self._waiting.put((picture, seconds))

    def _work(self) -> None:
        try:
            self._encode()
        except Exception as error:  # FFmpeg's errors have many classes; the painter is told, not the thread.
            self._failure = error
            while self._waiting.get() is not None:
                pass

    def _encode(self) -> None:
        with av.open(str(self._path), "w", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=30, options={"crf": "24", "preset": "ultrafast"})
            stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            stream.time_base = stream.codec_context.time_base = TIME_BASE
            before = -1
            while (item := self._waiting.get()) is not None:
                if self._abandoned:
                    continue
                picture, seconds = item
                # Five times as fast as FFmpeg's own conversion.
                planes: Rgb = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)
                frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
                # Two frames of one stamp are an error of the log; a video's clock must rise.
                before = max(before + 1, round(seconds / float(TIME_BASE)))
                frame.pts, frame.time_base = before, TIME_BASE
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
