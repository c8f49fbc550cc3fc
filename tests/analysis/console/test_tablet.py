"""The pages in the hand: a tablet held across and upright, light and dark, by finger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from analysis.bench_log import write_bench_log
from analysis.console.config import ConsoleConfig
from analysis.console.live import Live
from analysis.console.live_feed import LiveFeed
from analysis.console.server import ConsoleServer
from tests.analysis.console.live_car import PretendedCamera, PretendedCar
from tests.analysis.console.looks import Fingers, middle, too_faint, too_small_to_touch, too_wide
from tests.analysis.console.pages import Watch, log_address, settle
from tests.car.logs import write_synthetic_log
from tests.car.policies import save_policy

SIZES = ((1024, 768), (768, 1024))
LOADED = {
    "list": "tr[data-log^='restless'] [data-field='score']:not(:empty)",
    "log": "#stage[data-shown='complete']",
    "live": "#bars .best",
    "compare": "#charts canvas",
    "bench": "#bars .best",
    "rank": ".figure",
}


@dataclass
class Pits:
    """A console with logs and a car."""

    server: ConsoleServer
    car: PretendedCar

    def address(self, page: str) -> str:
        ids = {e.name.split("-")[0]: e.id for e in self.server.app.config["LIBRARY"].entries()}
        paths = {
            "list": "/",
            "log": f"/log/{ids['whole']}",
            "live": "/live",
            "compare": f"/compare/{ids['calm']}/{ids['restless']}",
            "bench": f"/bench/{ids['whole']}",
            "rank": f"/rank?runs={ids['calm']},{ids['restless']}",
        }
        return self.server.url(paths[page])


@pytest.fixture(scope="module")
def pits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pits]:
    folder: Path = tmp_path_factory.mktemp("tablet")
    policy = save_policy(folder / "policy.onnx")
    write_bench_log(folder / "logs", frames=1400, name="calm", weave_m=0.01)
    write_bench_log(folder / "logs", frames=1400, name="restless-with-a-name-of-some-length", weave_m=0.08)
    write_synthetic_log(folder / "logs", frames=30, policy=policy, name="whole")
    feed, car = LiveFeed(), PretendedCar()
    config = ConsoleConfig(logs=folder / "logs", models=folder / "none", port=0)
    graph = Live(feed, car, policy, silence_s=5.0)
    with PretendedCamera(feed, car, policy), ConsoleServer(config, live_graph=graph) as server:
        yield Pits(server, car)


@pytest.fixture
def tablet(browser: Browser, watch: Watch) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1024, "height": 768}, has_touch=True)
    yield watch.on(context.new_page())
    context.close()
    assert watch.problems == []


@pytest.mark.parametrize("name", LOADED)
def test_a_page_fits_a_tablet_and_can_be_read_and_touched(tablet: Page, pits: Pits, name: str) -> None:
    tablet.goto(pits.address(name))
    tablet.locator(LOADED[name]).first.wait_for(timeout=30_000)
    for width, height in SIZES:
        tablet.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            tablet.emulate_media(color_scheme=scheme)
            seen = f"{name} at {width}x{height}, {scheme}"
            assert too_wide(tablet) <= 0, seen
            assert too_small_to_touch(tablet) == [], seen
            assert too_faint(tablet) == [], seen
    assert tablet.evaluate("matchMedia('(pointer: coarse)').matches")


@pytest.mark.parametrize("name", LOADED)
def test_the_help_of_keys_opens_by_key_and_by_finger_on_every_page(
    tablet: Page, pits: Pits, name: str
) -> None:
    tablet.goto(pits.address(name))
    tablet.locator(LOADED[name]).first.wait_for(timeout=30_000)
    tablet.keyboard.press("?")
    expect(tablet.locator("#help")).to_be_visible()
    expect(tablet.locator("#keys dt").last).to_have_text("?")
    assert tablet.locator("#keys dt").count() == tablet.locator("#keys dd").count() >= 3
    tablet.keyboard.press("Escape")
    expect(tablet.locator("#help")).to_be_hidden()
    tablet.locator("#show-help").tap()
    tablet.locator("#close-help").tap()

    expect(tablet.locator("#help")).to_be_hidden()


def test_a_finger_that_holds_drives_and_a_touch_that_the_system_takes_away_stops(
    tablet: Page, pits: Pits
) -> None:
    tablet.goto(pits.address("live"))
    tablet.wait_for_selector("#stage[data-sequence]")
    fingers = Fingers(tablet)
    for end in (fingers.lift, fingers.cancel):
        fingers.press(middle(tablet.locator("#hold")))
        expect(tablet.locator("#state")).to_have_text("driving")
        end()
        expect(tablet.locator("#state")).to_contain_text("ready")
        expect(tablet.locator("#hold")).not_to_have_class(re.compile("held"))


@pytest.mark.parametrize("other", ["#hold", "#stop", "#charts"])
def test_a_second_finger_anywhere_stops_and_the_first_one_has_to_press_again(
    tablet: Page, pits: Pits, other: str
) -> None:
    tablet.goto(pits.address("live"))
    tablet.wait_for_selector("#stage[data-sequence]")
    fingers, first = Fingers(tablet), middle(tablet.locator("#hold"))
    fingers.press(first)
    expect(tablet.locator("#state")).to_have_text("driving")
    told = len(pits.car.told)
    fingers.press(first, middle(tablet.locator(other), 0.8, 0.5))
    expect(tablet.locator("#state")).to_contain_text("ready")
    fingers.move((first[0] + 5, first[1]), middle(tablet.locator(other), 0.8, 0.5))
    tablet.wait_for_timeout(400)

    assert "arm" not in pits.car.told[told:]
    assert pits.car.state == "ready"
    fingers.lift()


def test_the_state_can_be_read_whatever_it_is(tablet: Page, pits: Pits) -> None:
    tablet.goto(pits.address("live"))
    tablet.wait_for_selector("#stage[data-sequence]")
    try:
        for state in ("driving", "stopped"):
            pits.car.state = state
            expect(tablet.locator("#state")).to_have_attribute("data-state", state)
            for scheme in ("light", "dark"):
                tablet.emulate_media(color_scheme=scheme)
                assert too_faint(tablet) == [], f"{state}, {scheme}"
    finally:
        pits.car.state = "ready"


def test_opening_the_help_lets_go_and_keys_do_not_drive_behind_it(tablet: Page, pits: Pits) -> None:
    tablet.goto(pits.address("live"))
    tablet.wait_for_selector("#stage[data-sequence]")
    tablet.keyboard.down(" ")
    expect(tablet.locator("#state")).to_have_text("driving")
    tablet.keyboard.press("?")
    expect(tablet.locator("#state")).to_contain_text("ready")
    tablet.keyboard.up(" ")
    told = len(pits.car.told)
    tablet.keyboard.down(" ")
    tablet.wait_for_timeout(300)
    tablet.keyboard.up(" ")

    assert "arm" not in pits.car.told[told:]


def test_a_finger_scrubs_the_timeline_of_a_run_and_a_second_one_does_not_take_over(
    tablet: Page, pits: Pits
) -> None:
    tablet.goto(log_address(pits.server, "whole"))
    settle(tablet)
    timeline, fingers = tablet.locator("#timeline"), Fingers(tablet)
    fingers.press(middle(timeline, 0.1))
    fingers.move(middle(timeline, 0.5))
    half = tablet.locator("#frame-number")
    expect(half).to_have_text(re.compile(r"^1[4-7] of 30$"))
    seen = half.inner_text()
    fingers.press(middle(timeline, 0.5), middle(timeline, 0.9))
    tablet.wait_for_timeout(200)
    assert half.inner_text() == seen
    fingers.lift()
    tablet.touchscreen.tap(*middle(timeline, 0.99))

    expect(half).to_have_text("30 of 30")


def test_a_finger_scrubs_the_comparison_and_keys_choose_how_it_is_laid(tablet: Page, pits: Pits) -> None:
    tablet.goto(pits.address("compare"))
    chart = tablet.locator("#charts canvas").first
    chart.wait_for(timeout=30_000)
    expect(tablet.locator("#align")).to_have_value("place")
    fingers, moment = Fingers(tablet), tablet.locator("#moment")
    fingers.press(middle(chart, 0.2))
    fingers.move(middle(chart, 0.4))
    fingers.move(middle(chart, 0.5))
    fingers.lift()
    expect(moment).to_have_value(re.compile(r"^(19\d|20\d)$"))
    expect(tablet.locator("#charts .value", has_text="A − B").first).to_have_text(re.compile(r"\d"))  # noqa: RUF001
    for way in ("time", "lap", "place"):
        tablet.keyboard.press("b")
        expect(tablet.locator("#align")).to_have_value(way)
    tablet.keyboard.press("End")
    expect(moment).to_have_value("400")
    tablet.keyboard.press("Shift+ArrowLeft")
    expect(moment).to_have_value("380")
    tablet.keyboard.press("g")
    tablet.wait_for_url("**heat=off**")
    tablet.keyboard.press("g")
    expect(tablet.locator("#heat")).to_have_value("hirescam")
    tablet.evaluate("location.hash = 'by=lap&at=7'")

    expect(tablet.locator("#align")).to_have_value("lap")
    expect(moment).to_have_value("7")


def test_a_finger_drags_the_lamp_of_the_bench_and_keys_put_it_in_and_out(tablet: Page, pits: Pits) -> None:
    tablet.goto(pits.address("bench"))
    tablet.locator("#bars .best").wait_for()
    tablet.keyboard.press("l")
    stage, fingers = tablet.locator("#stage"), Fingers(tablet)
    fingers.press(middle(stage, 0.7, 0.3))
    fingers.move(middle(stage, 0.4, 0.4))
    fingers.move(middle(stage, 0.25, 0.5))
    fingers.lift()
    tablet.wait_for_url(re.compile(r"lamp=(39\.\d|40\.\d)%2C(59\.\d|60\.\d)"))
    tablet.evaluate("location.hash = 't=0.5&brightness=-1'")
    expect(tablet.locator("#lamp-handle")).to_be_hidden()
    expect(tablet.locator("#brightness")).to_have_value("-1")
    tablet.keyboard.press("r")

    expect(tablet.locator("#brightness")).to_have_value("0")


def test_a_tap_beside_the_box_chooses_a_run_and_a_tap_on_a_weight_counts(tablet: Page, pits: Pits) -> None:
    tablet.goto(pits.address("list"))
    tablet.locator(LOADED["list"]).first.wait_for(timeout=30_000)
    for name in ("calm", "restless"):
        tablet.touchscreen.tap(*middle(tablet.locator(f"tr[data-log^='{name}'] .choose label"), 0.5, 0.1))
    expect(tablet.locator("#compare")).to_be_enabled()
    tablet.locator("#rank").tap()
    weave = tablet.locator("[data-measure='weave_cm']")
    weave.locator(".figure").first.wait_for(timeout=30_000)
    tablet.touchscreen.tap(*middle(weave.locator("input[type='range']"), 0.98))
    tablet.wait_for_url("**#weave_cm=5")
    tablet.keyboard.press("u")

    expect(weave.locator("input[type='number']")).to_have_value("2")
