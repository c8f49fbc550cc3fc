from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from analysis.bench_log import write_bench_log
from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from analysis.report_page import DASH
from tests.analysis.console.pages import Watch, pixels
from tests.car.policies import make_metadata, save_policy


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
    expect(page.locator("#frame-a")).to_have_attribute("data-shown", re.compile(r"/frame/\d+\.jpg"))
    before = page.locator("#frame-a").get_attribute("data-shown")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(page.locator("#at")).to_have_text("2.0 %")
    expect(page.locator("#frame-a")).not_to_have_attribute("data-shown", str(before))
    page.locator("#align").select_option("time")
    expect(page.locator("#at")).to_contain_text("s")
    page.wait_for_url("**#by=time&at=8")
    page.locator("#align").select_option("lap")
    page.locator("#lap-a").select_option("1")
    page.wait_for_url("**lap_a=1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
    page.close()
    assert watch.problems == []


def test_too_few_laps_are_said_once_and_the_cells_have_a_dash(
    browser: Browser, tmp_path: Path, watch: Watch
) -> None:
    for name in ("long", "brief"):
        write_bench_log(tmp_path, frames=2200 if name == "long" else 700, name=name)
    with ConsoleServer(ConsoleConfig(logs=tmp_path, port=0)) as server:
        page = watch.on(browser.new_page(viewport={"width": 1440, "height": 900}))
        ids = {entry.name: entry.id for entry in server.app.config["LIBRARY"].entries()}
        (brief,), (long,) = ([i for name, i in ids.items() if name.startswith(w)] for w in ("brief", "long"))
        page.goto(server.url(f"/compare/{long}/{brief}"))
        expect(page.locator("#lacking")).to_have_text(
            "No differences: B has 1 lap, and it takes 3 of each run."
        )
        expect(page.locator("#measures")).not_to_contain_text("few")
        cells = page.locator("#measures tr", has_text="Weave").locator("td")
        assert cells.all_inner_texts()[3:] == [DASH, DASH, ""]
        page.close()
    assert watch.problems == []


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """A run whose policy drove, and an installed model that decides otherwise."""
    folder = tmp_path_factory.mktemp("judged")
    write_bench_log(folder / "logs", frames=90, policy=save_policy(folder / "policy.onnx"))
    save_policy(folder / "models" / "other.onnx", make_metadata(name="other", seed=5))
    config = ConsoleConfig(logs=folder / "logs", models=folder / "models", port=0)
    with ConsoleServer(config) as server:
        yield server


def test_one_run_is_judged_by_two_policies_frame_by_frame_with_their_heat_maps(
    browser: Browser, judged: ConsoleServer, watch: Watch
) -> None:
    page = watch.on(browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light"))
    (log,) = judged.app.config["LIBRARY"].entries()
    page.goto(judged.url(f"/compare/{log.id}/{log.id}") + f"#policy_a=log:{log.id}&at=100")
    expect(page.locator("#policy-a")).to_have_value(f"log:{log.id}")
    page.locator("#policy-b").select_option("model:other")

    expect(page.locator("#verdict")).to_contain_text("The same command in")
    expect(page.locator("#measures-panel")).to_be_hidden()
    expect(page.locator("#heat-b")).to_have_attribute("data-shown", re.compile("policy=model%3Aother"))
    one, other = pixels(page.locator(".run-a .stage")), pixels(page.locator(".run-b .stage"))
    page.locator("#heat").select_option("off")
    expect(page.locator("#heat-b")).to_have_attribute("data-shown", "")
    plain = pixels(page.locator(".run-b .stage"))
    page.keyboard.press("Space")
    expect(page.locator("body")).to_have_class(re.compile("playing"))
    expect(page.locator("#where-a")).not_to_have_text("frame 23 of 90")
    page.close()

    assert abs(one[:, 5:-5] - other[:, 5:-5]).max() > 60, "each side shows its own policy's map"
    assert abs(plain - other).max() > 60
    assert watch.problems == []


def test_a_policy_or_lap_that_is_not_there_is_refused_in_one_line(judged: ConsoleServer) -> None:
    client = judged.app.test_client()
    (one,) = client.get("/api/logs").get_json()["logs"]
    both = f"/api/compare/{one['id']}/{one['id']}"

    assert client.get(f"{both}?policy_a=log:../../etc/passwd").status_code == 422
    assert client.get(f"{both}?policy_b=/etc/passwd").status_code == 422
    assert client.get(f"{both}?lap_a=7").status_code == 404
    assert client.get(f"/api/log/{one['id']}/heatmap/0.png?policy=nothing").status_code == 422
    names = [policy["name"] for policy in client.get("/api/policies").get_json()["policies"]]
    assert names[0] == "other" and len(names) == 2


def test_a_run_that_is_not_there_cannot_be_compared(pair: ConsoleServer) -> None:
    client = create_app(ConsoleConfig(logs=pair.app.config["LIBRARY"].folder)).test_client()
    (one, _) = client.get("/api/logs").get_json()["logs"]

    assert client.get(f"/compare/{one['id']}/nothing").status_code == 404
    assert client.get(f"/api/compare/..%2f/{one['id']}").status_code in (308, 404)
    assert (
        client.get(f"/api/compare/{one['id']}/{one['id']}")
        .get_json()["verdict"]
        .startswith("No verdict: both")
    )
