"""Looping, colouring the path, enlarging a strip and exporting, in a real browser."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from analysis.bench_log import write_bench_log
from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from tests.analysis.console.pages import Watch, at, log_address, open_log, pixels, settle
from tests.car.policies import save_policy


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """A log with places on a track."""
    folder = tmp_path_factory.mktemp("driven")
    write_bench_log(folder / "logs", frames=240, policy=save_policy(folder / "policy.onnx"))
    with ConsoleServer(ConsoleConfig(logs=folder / "logs", port=0)) as server:
        yield server


@pytest.fixture(scope="module")
def lapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    """A log of two laps and a bit."""
    folder = tmp_path_factory.mktemp("lapped")
    policy = save_policy(folder / "policy.onnx")
    write_bench_log(folder / "logs", frames=1400, name="lapped", policy=policy)
    with ConsoleServer(ConsoleConfig(logs=folder / "logs", port=0)) as server:
        yield server


def test_a_loop_is_set_by_keys_played_again_and_again_and_kept_in_the_address(
    page: Page, server: ConsoleServer
) -> None:
    open_log(page, server, moment="#t=0.2")
    page.keyboard.press("[")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("]")
    page.wait_for_url("**from=0.200&to=0.367")
    page.evaluate(
        """() => {
            window.seen = [];
            const frame = document.getElementById("frame-number");
            const look = () => window.seen.push(parseInt(frame.textContent));
            new MutationObserver(look).observe(frame, { childList: true });
        }"""
    )
    page.keyboard.press("Space")
    while page.evaluate("window.seen.filter((frame) => frame === 7).length") < 3:
        page.wait_for_timeout(50)
    page.keyboard.press("Space")
    seen = page.evaluate("window.seen")
    page.reload()
    settle(page)

    # A busy machine leaves frames out.
    assert set(seen) <= set(range(7, 13)) and max(seen) > 7
    expect(page.locator("#loop-end")).to_be_visible()
    page.keyboard.press("l")
    expect(page.locator("#loop-end")).to_be_hidden()


def test_a_loop_of_nonsense_in_an_address_is_no_loop(page: Page, server: ConsoleServer) -> None:
    open_log(page, server, moment="#t=0.5&from=1.5&to=0.5&path=__proto__&strip=constructor")

    at(page, 16)
    expect(page.locator("#loop-end")).to_be_hidden()


def test_the_path_takes_the_colours_of_a_signal_with_a_legend(
    browser: Browser, driven: ConsoleServer, watch: Watch
) -> None:
    page = watch.on(browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark"))
    open_log(page, driven, "bench")
    expect(page.locator("#path-legend")).to_be_hidden()
    plain = pixels(page.locator("#map"))
    page.locator("#path").select_option("lateral")
    coloured = pixels(page.locator("#map"))
    page.wait_for_url("**path=lateral")
    low = page.locator("#path-low").inner_text()
    high = page.locator("#path-high").inner_text()
    page.goto(log_address(driven, "bench", "#t=1&path=steering"))
    page.reload()
    settle(page)
    kept = page.locator("#path").input_value()
    page.close()

    assert kept == "steering"
    assert low == "\u22120.05" and high == "+0.05 m"
    blue = (coloured[..., 0] - coloured[..., 2] > 80).sum()
    assert blue > 20 and blue > 3 * (plain[..., 0] - plain[..., 2] > 80).sum()
    assert watch.problems == []


def test_a_slow_method_explains_the_paused_frame_and_does_not_hold_up_playing(
    page: Page, server: ConsoleServer
) -> None:
    open_log(page, server, moment="#t=0.5")
    usual = pixels(page.locator("#stage"))
    page.locator("#method").select_option("occlusion")
    expect(page.locator("#stage")).to_have_attribute("data-shown", "partly")
    expect(page.locator("#stage")).to_have_attribute("data-shown", "complete")
    covered = pixels(page.locator("#stage"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.keyboard.press("Space")
    expect(page.locator("body")).to_have_class(re.compile("playing"))
    expect(page.locator("#frame-number")).not_to_have_text("16 of 56")
    page.keyboard.press("Space")

    assert abs(usual - covered).max() > 40
    expect(page.locator("#stage")).to_have_attribute("data-shown", "complete")
    maps = [url for url in asked if ".png" in url]
    assert len(maps) <= 2, "while it plays, no frame is explained"
    page.locator("#method").select_option("community")
    expect(page.locator("#legend-scale")).to_have_text("each frame's own")


def test_a_strip_is_enlarged_by_its_name(page: Page, server: ConsoleServer) -> None:
    open_log(page, server)
    name = page.locator(".chart-label", has_text="Confidence")
    before = name.bounding_box()
    name.click()
    page.wait_for_url("**strip=confidence")
    after = name.bounding_box()

    assert before is not None and after is not None and after["height"] > 2 * before["height"]


def test_a_range_is_exported_as_video_table_and_picture(
    page: Page, server: ConsoleServer, tmp_path: Path
) -> None:
    open_log(page, server, moment="#t=0.5&from=0.3&to=0.8")
    page.keyboard.press("e")
    for kind in ("mp4", "csv", "png"):
        with page.expect_download() as download:
            page.locator(f"[data-kind={kind}]").click()
        download.value.save_as(tmp_path / f"range.{kind}")
        expect(page.locator("#export-said")).to_contain_text("in your downloads")

    with av.open(str(tmp_path / "range.mp4")) as video:
        stamps = [float(frame.time) for frame in video.decode(video=0) if frame.time is not None]
    assert np.diff(stamps[:5]) == pytest.approx(1 / 30, abs=1e-3)
    assert stamps[-1] == pytest.approx(0.5 + 1 / 30, abs=0.01)
    rows = list(csv.DictReader((tmp_path / "range.csv").read_text().splitlines()))
    assert [rows[0]["frame"], rows[-1]["frame"]] == ["9", "24"]
    picture = cv2.imread(str(tmp_path / "range.png"))
    assert picture is not None and picture.shape == (720, 1280, 3) and picture.std() > 10


def test_the_export_explains_what_the_page_shows_or_what_is_chosen_there(
    page: Page, server: ConsoleServer, tmp_path: Path
) -> None:
    open_log(page, server, moment="#t=0.5&heat=hirescam&action=2&opacity=40")
    page.keyboard.press("e")
    for name, value in {"heat": "hirescam", "action": "2", "opacity": "40", "policy": ""}.items():
        expect(page.locator(f"#export-{name}")).to_have_value(value)
    stages = {}
    for name in ("shown", "runner-up", "unsigned", "none"):
        if name == "runner-up":
            page.locator("#export-action").select_option("runner-up")
        elif name == "unsigned":
            page.locator("#export-signed").uncheck()
        elif name == "none":
            page.locator("#export-heat").select_option("off")
        with page.expect_download() as download:
            page.locator("[data-kind=png]").click()
        download.value.save_as(tmp_path / f"{name}.png")
        picture = cv2.imread(str(tmp_path / f"{name}.png"))
        assert picture is not None
        stages[name] = picture[64:580, 20:740].astype(int)

    for one, other in pairwise(stages):
        assert np.abs(stages[one] - stages[other]).max() > 20, (one, other)


def test_another_policy_can_be_exported_over_a_log(page: Page, server: ConsoleServer) -> None:
    open_log(page, server)
    page.keyboard.press("e")
    policy = page.locator("#export-policy option").nth(1)
    expect(policy).to_be_attached()
    page.locator("#export-policy").select_option(index=1)
    with (
        page.expect_request("**/export") as asked,
        page.expect_download(),
    ):
        page.locator("[data-kind=png]").click()

    assert json.loads(asked.value.post_data or "{}")["policy"] == policy.get_attribute("value")


def test_the_measures_of_a_run_are_a_file(page: Page, server: ConsoleServer) -> None:
    open_log(page, server)
    page.keyboard.press("e")
    with page.expect_download(timeout=60_000) as download:  # The scorecard is computed first.
        page.locator("#export-metrics").click()

    assert download.value.suggested_filename.endswith("-metrics.json")
    assert '"weave_cm"' in download.value.path().read_text()


def test_laps_and_corners_are_shown_and_lead_to_their_moment(
    browser: Browser, lapped: ConsoleServer, watch: Watch
) -> None:
    page = watch.on(browser.new_page(viewport={"width": 1024, "height": 768}, color_scheme="light"))
    open_log(page, lapped, "lapped")
    page.keyboard.press("t")
    lap = page.locator("#lap-rows tr").nth(1)
    expect(lap.locator("td")).to_have_count(6)
    expect(page.locator("#in-a-row")).to_have_value("2")
    mean = page.locator("#best-mean").inner_text()
    page.locator("#in-a-row").select_option("1")
    expect(page.locator("#best-mean")).to_have_text(page.locator("#best-lap").inner_text())
    assert page.locator("#corner-rows tr").count() > 3
    assert page.evaluate("document.documentElement.scrollWidth") <= 1024

    lap.locator("button").click()

    expect(page.locator("#laps")).to_be_hidden()
    page.wait_for_url(re.compile(r"#t=2\d\.\d+"))
    page.close()
    assert mean.endswith(" s") and watch.problems == []


def test_a_run_without_laps_says_so(page: Page, server: ConsoleServer) -> None:
    open_log(page, server)
    page.locator("#show-laps").click()

    expect(page.locator("#no-laps")).to_contain_text("No whole lap")
    expect(page.locator("#no-corners")).to_contain_text("no track that is known")
    expect(page.locator("#lap-part")).to_be_hidden()
