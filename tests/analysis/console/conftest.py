"""A console that runs, and a browser that watches what its pages ask for and complain about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from analysis.console.browser import CHROMIUM_ARGUMENTS, find_chromium
from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from tests.analysis.console.pages import FRAMES, SKIPPED, Watch
from tests.car.logs import write_synthetic_log
from tests.car.policies import save_policy


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
