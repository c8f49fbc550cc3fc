"""Take the picture of the console that the README shows: the real page in a real browser.

python -m analysis.console.picture --log logs/forever-20261120-101500 --output docs/console.png
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from playwright.sync_api import Browser, sync_playwright

from analysis.console.browser import CHROMIUM_ARGUMENTS, find_chromium
from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from analysis.metrics import frame_times_s
from car.errors import Sim2RaceError
from car.files import atomic_path
from car.frame_table import FrameTable
from car.log_reader import read_log

_LOAD_MS = 30_000


@dataclass(frozen=True)
class PictureConfig:
    """Take a picture of the console at a telling moment of a log."""

    log: Path
    """A car log."""
    output: Path = Path("docs/console.png")
    """The PNG to write."""
    time_s: float | None = None
    """The moment; by default in the tightest corner of the log's second half."""
    opacity: int = 75
    """Opacity of the heat map in percent."""
    width: int = 1440
    """Width of the page in pixels."""
    height: int = 900
    """Height of the page in pixels."""
    theme: Literal["dark", "light"] = "dark"
    """What the browser says the system prefers."""


def telling_moment_s(frames: FrameTable) -> float:
    """Return when the car steers hardest in the second half of a log, averaged over half a second."""
    seconds = frame_times_s(frames)
    if len(seconds) == 0:
        return 0.0
    steering = np.abs(np.nan_to_num(frames.steering_rad))
    smooth = np.convolve(steering, np.ones(15) / 15, mode="same")
    smooth[: len(smooth) // 2] = 0.0
    return float(seconds[int(np.argmax(smooth))])


def run(config: PictureConfig) -> int:
    """Serve the log, open it, and write the picture.

    Raises:
        Sim2RaceError: the log cannot be read, Chromium is missing, or the picture cannot be written.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*CHROMIUM_ARGUMENTS])
        photograph(browser, config)
        browser.close()
    print(f"Wrote {config.output}")
    return 0


def photograph(browser: Browser, config: PictureConfig) -> None:
    """Write the picture with a browser that runs.

    Raises:
        Sim2RaceError: the log cannot be read, or the picture cannot be written.
    """
    moment_s = config.time_s if config.time_s is not None else telling_moment_s(read_log(config.log).frames)
    with ConsoleServer(ConsoleConfig(logs=config.log, port=0)) as server:
        (entry,) = server.app.config["LIBRARY"].entries()
        page = browser.new_page(
            viewport={"width": config.width, "height": config.height}, color_scheme=config.theme
        )
        settings = f"#t={moment_s:.3f}&heat=hirescam&opacity={config.opacity}&path=speed"
        page.goto(server.url(f"/log/{entry.id}") + settings)
        # The page says when the frame, and the heat map if there is one, are on the screen.
        page.wait_for_selector("#stage[data-shown='complete']", timeout=_LOAD_MS)
        with atomic_path(config.output) as aside:
            page.screenshot(path=aside)
        page.close()


if __name__ == "__main__":
    try:
        sys.exit(run(tyro.cli(PictureConfig)))
    except Sim2RaceError as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(2)
