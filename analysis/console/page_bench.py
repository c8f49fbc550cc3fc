"""How the pages feel, measured inside a real browser: `sim2race bench page`.

First view: from the navigation's begin until the frame and its heat map are painted. Scrubbing: from the
pointer's event until the animation frame in which both are painted. Live: from the stamp in a frame until its
paint, in a browser on the same machine.
"""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.table import Table

from analysis.bench_log import RATE_HZ, write_bench_log
from analysis.console.browser import CHROMIUM_ARGUMENTS, find_chromium
from analysis.console.config import ConsoleConfig
from analysis.console.live import Live
from analysis.console.live_feed import LiveFeed
from analysis.console.server import ConsoleServer
from car.policy import Policy

_WAIT_MS = 60_000
_STEPS = 40
_COMPLETE = "#stage[data-shown='complete']"

_SCRUB = """async (steps) => {
    const [timeline, stage] = ["timeline", "stage"].map((id) => document.getElementById(id));
    const [box, number] = [timeline.getBoundingClientRect(), document.getElementById("frame-number")];
    const point = (kind, x) => timeline.dispatchEvent(
        new PointerEvent(kind, { pointerId: 1, button: 0, clientX: x, clientY: box.top + 9, bubbles: true }));
    const painted = () => new Promise((resolve) => requestAnimationFrame(resolve));
    timeline.setPointerCapture = () => {};  // There is no pointer behind these events.
    point("pointerdown", box.left + 10);
    const took = [];
    for (let i = 0; i < steps; i += 1) {
        await painted();
        const before = number.textContent;
        const began = performance.now();
        point("pointermove", box.left + 10 + (i + 1) / (steps + 1) * (box.width - 20));
        while (stage.dataset.shown !== "complete" || number.textContent === before) {
            await new Promise((resolve) => setTimeout(resolve, 1));
        }
        await painted();
        took.push(performance.now() - began);
    }
    point("pointerup", box.left + 10);
    return took;
}"""


def run_page_bench(console: Console, *, minutes: float, policy: Path, seconds: float) -> int:
    """Measure and print.

    Args:
        console: where to print.
        minutes: length of the log.
        policy: whose heat maps are shown.
        seconds: how long the live page is watched.

    Raises:
        Sim2RaceError: Chromium is missing.
    """
    table = Table("Measure", "p50", "p95", "max", title=f"Pages, {minutes:g} minutes of log, 1440 x 900, ms")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*CHROMIUM_ARGUMENTS])
        with console.status("Measuring"):
            lines = measure_pages(browser, minutes=minutes, policy=policy, seconds=seconds)
        browser.close()
    for name, values in lines.items():
        table.add_row(name, *(f"{np.percentile(values, at):.1f}" for at in (50, 95, 100)))
    console.print(table)
    return 0


def measure_pages(
    browser: Browser, *, minutes: float, policy: Path, seconds: float, steps: int = _STEPS, views: int = 5
) -> dict[str, list[float]]:
    """Return the measured milliseconds by what they are of; see `run_page_bench`."""
    lines: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="sim2race-bench-") as folder:
        logs = Path(folder)
        write_bench_log(logs, frames=max(round(minutes * 60 * RATE_HZ), 2), policy=policy)
        feed = LiveFeed()
        graph = Live(feed, _NoCar(), policy)
        with ConsoleServer(ConsoleConfig(logs=logs, port=0), live_graph=graph) as server:
            (entry,) = server.app.config["LIBRARY"].entries()
            address = server.url(f"/log/{entry.id}")
            lines["first view of a run, the first time"] = [_first_view(browser, address)]
            lines["first view of a run, opened before"] = [
                _first_view(browser, address) for _ in range(views)
            ]
            page = _page(browser, address)
            lines["scrubbing, nothing computed"] = page.evaluate(_SCRUB, steps)
            lines["scrubbing, decoded before"] = page.evaluate(_SCRUB, steps)
            page.close()
            page = _page(browser, address)
            lines["scrubbing, the server's cache is warm"] = page.evaluate(_SCRUB, steps)
            page.close()
            with _Camera(feed, Policy.load(policy)):
                lines["live, stamp in the frame to paint"] = _watch(browser, server.url("/live"), seconds)
    return lines


def _page(browser: Browser, address: str) -> Page:
    """Open a page with nothing in the browser's cache."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    page.wait_for_selector(_COMPLETE, timeout=_WAIT_MS)
    return page


def _first_view(browser: Browser, address: str) -> float:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(
        """document.addEventListener("DOMContentLoaded", () => {
            const look = () => {
                const stage = document.getElementById("stage");
                if (stage?.dataset.shown === "complete") window.firstView = performance.now();
                else requestAnimationFrame(look);
            };
            look();
        })"""
    )
    page.goto(address)
    page.wait_for_selector(_COMPLETE, timeout=_WAIT_MS)
    while (found := page.evaluate("window.firstView")) is None:
        page.wait_for_timeout(10)
    page.close()
    return float(found)


def _watch(browser: Browser, address: str, seconds: float) -> list[float]:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(address)
    page.wait_for_selector("#stage[data-sequence]", timeout=_WAIT_MS)
    page.wait_for_timeout(1000)  # Until what is computed once has been.
    page.evaluate("window.sim2raceDelays.length = 0")
    page.wait_for_timeout(1000 * seconds)
    delays: list[float] = page.evaluate("window.sim2raceDelays")
    page.close()
    return delays


class _NoCar:
    """Controls that nobody uses."""

    def arm(self) -> str:
        return "there is no car"

    disarm = arm

    def set_manual(self, manual: bool) -> str:
        return "there is no car"

    def steer(self, angle: float, throttle: float) -> None:
        pass

    def set_max_speed(self, share: float) -> str:
        return "there is no car"


class _Camera:
    """Frames at 30 a second, stamped when they are made, with the policy's answer; a context manager."""

    def __init__(self, feed: LiveFeed, policy: Policy) -> None:
        self._feed, self._policy = feed, policy
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, name="camera", daemon=True)

    def __enter__(self) -> _Camera:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        chance = np.random.default_rng(0)
        observation = np.zeros((self._policy.frames, 120, 160), np.uint8)
        history = np.zeros((self._policy.history, 2), np.float32) if self._policy.history else None
        while not self._ended.wait(1 / RATE_HZ):
            captured_ns = time.time_ns()
            coarse = chance.integers(0, 256, (15, 20, 3), dtype=np.uint8)
            jpeg = cv2.imencode(".jpg", cv2.resize(coarse, (160, 120)))[1].tobytes()
            outputs = self._policy.act(observation, history)
            self._feed.on_decision(jpeg, captured_ns, outputs.tolist())
