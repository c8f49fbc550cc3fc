"""A console that runs, and a browser that watches what its pages ask for and complain about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, sync_playwright

from analysis.console.browser import CHROMIUM_ARGUMENTS, find_chromium
from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from tests.car.logs import write_synthetic_log
from tests.car.policies import save_policy

FRAMES = 60
SKIPPED = (30, 31, 32, 33)


@dataclass
class Watch:
    """What went wrong on a page, and where it went."""

    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def on(self, page: Page) -> Page:
        page.set_default_timeout(10_000)
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=[*CHROMIUM_ARGUMENTS])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log with its policy and a gap, one without a policy, and one that was cut off."""
    root = tmp_path_factory.mktemp("pages")
    policy = save_policy(root / "policy.onnx")
    write_synthetic_log(root / "logs", frames=FRAMES, policy=policy, name="whole", skip=SKIPPED)
    write_synthetic_log(root / "logs", frames=20, name="bare")
    cut = write_synthetic_log(root / "logs", frames=90, policy=policy, name="cut")
    (file,) = cut.glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    return root / "logs"


@pytest.fixture(scope="session")
def server(logs: Path) -> Iterator[ConsoleServer]:
    with ConsoleServer(ConsoleConfig(logs=logs, port=0)) as server:
        yield server


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def page(browser: Browser, server: ConsoleServer, watch: Watch) -> Iterator[Page]:
    """A page at a pit wall's size; the test fails if it complained or asked anyone else for anything."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    yield watch.on(context.new_page())
    context.close()
    assert watch.problems == []
    assert watch.hosts <= {urlsplit(server.url()).netloc}


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
