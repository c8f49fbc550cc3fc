"""What the page tests share: opening a log, waiting for it, and looking at the screen."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import ConsoleMessage, Locator, Page, Request, expect

from analysis.console.server import ConsoleServer

DEADLINE_MS = 30_000
"""What a page may take on a machine that is busy with other work; how fast it is, the bench measures."""
expect.set_options(timeout=DEADLINE_MS)

FRAMES = 60
SKIPPED = (30, 31, 32, 33)
SEEN = FRAMES - len(SKIPPED)


@dataclass
class Watch:
    """What went wrong on a page, and where it went."""

    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def on(self, page: Page) -> Page:
        page.set_default_timeout(DEADLINE_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", self._asked)
        return page

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith("blob:"):
            self.hosts.add(urlsplit(request.url).netloc)


def log_address(server: ConsoleServer, name: str, moment: str = "") -> str:
    """Return the address of a log's page by the beginning of the log's name."""
    entries = server.app.config["LIBRARY"].entries()
    entry = next(entry for entry in entries if entry.name.startswith(name))
    return server.url(f"/log/{entry.id}") + moment


def pixels(element: Locator) -> NDArray[np.int16]:
    """Return what an element looks like on the screen, (H, W, 3)."""
    shot = cv2.imdecode(np.frombuffer(element.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    assert shot is not None
    return shot.astype(np.int16)


def open_log(page: Page, server: ConsoleServer, name: str = "whole", moment: str = "") -> None:
    page.goto(log_address(server, name, moment))
    settle(page)


def settle(page: Page) -> None:
    """Wait until the frame, and the heat map if it is on, are on the screen."""
    page.wait_for_selector("#stage[data-shown='complete']")


def stage(page: Page) -> NDArray[np.int16]:
    """Return the picture on the stage, without the panel's round corners."""
    settle(page)
    return pixels(page.locator("#stage"))[8:-8, 8:-8]


def same(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    """Whether two screenshots look the same; the browser may round a colour differently."""
    return bool(np.abs(one - other).max() <= 2)


def at(page: Page, frame: int) -> None:
    """Expect a frame, counted from 1."""
    expect(page.locator("#frame-number")).to_have_text(f"{frame} of {SEEN}")
