from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from analysis.bench_log import write_bench_log
from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from tests.analysis.console.pages import Watch


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    folder = tmp_path_factory.mktemp("pair")
    write_bench_log(folder, frames=2200, name="calm", weave_m=0.01)
    write_bench_log(folder, frames=2200, name="restless", weave_m=0.08)
    with ConsoleServer(ConsoleConfig(logs=folder, port=0)) as server:
        yield server


def test_two_chosen_runs_are_compared_by_place_and_by_time(
    browser: Browser, pair: ConsoleServer, watch: Watch
) -> None:
    page = watch.on(browser.new_page(viewport={"width": 1440, "height": 900}))
    page.goto(pair.url())
    for name in ("calm", "restless"):
        page.locator(f"tr[data-log^='{name}'] .chosen").check()
    page.locator("#compare").click()

    expect(page.locator("#verdict")).to_contain_text("is better than")
    weave = page.locator("#measures tr", has_text="Weave")
    assert ("A better" in weave.inner_text()) == ("calm" in page.locator("figure.run-a").inner_text())
    expect(page.locator("#frame-a")).to_have_js_property("naturalWidth", 160)
    before = page.locator("#frame-a").get_attribute("src")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#at")).to_have_text("2.0 %")
    assert page.locator("#frame-a").get_attribute("src") != before
    page.locator("#align").select_option("time")
    expect(page.locator("#at")).to_contain_text("s")
    page.wait_for_url("**#by=time&at=8")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    page.close()
    assert watch.problems == []


def test_a_run_that_is_not_there_cannot_be_compared(pair: ConsoleServer) -> None:
    client = create_app(ConsoleConfig(logs=pair.app.config["LIBRARY"].folder)).test_client()
    (one, _) = client.get("/api/logs").get_json()["logs"]

    assert client.get(f"/compare/{one['id']}/nothing").status_code == 404
    assert client.get(f"/api/compare/..%2f/{one['id']}").status_code in (308, 404)
    assert client.get(f"/api/compare/{one['id']}/{one['id']}").get_json()["verdict"].startswith("No verdict")
