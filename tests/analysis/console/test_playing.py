"""Moving through a log by keys, by hand and by itself, in a real browser."""

from __future__ import annotations

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from analysis.console.server import ConsoleServer
from tests.analysis.console.pages import (
    SEEN,
    SKIPPED,
    at,
    open_log,
    pixels,
    settle,
)


def test_keys_step_by_frame_by_second_and_to_the_ends(page: Page, server: ConsoleServer) -> None:
    open_log(page, server)
    at(page, 1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    at(page, 3)
    page.keyboard.press("ArrowLeft")
    at(page, 2)
    page.keyboard.press("End")
    at(page, SEEN)
    page.keyboard.press("Home")
    at(page, 1)
    page.keyboard.press("Shift+ArrowRight")
    # One second on is in the middle of the gap; the nearest frame that there is comes before it.
    at(page, SKIPPED[0])


def test_time_is_the_frames_own_stamp_across_a_gap(page: Page, server: ConsoleServer) -> None:
    open_log(page, server, moment="#t=0.967")
    at(page, SKIPPED[0])
    page.keyboard.press("ArrowRight")

    at(page, SKIPPED[0] + 1)
    expect(page.locator("#clock")).to_have_text("0:01.133")


def test_play_runs_to_the_end_and_stops_there(page: Page, server: ConsoleServer) -> None:
    open_log(page, server, moment="#t=1.2")
    page.keyboard.press("Space")

    expect(page.locator("body")).to_have_class(re.compile("playing"))
    at(page, SEEN)
    expect(page.locator("body")).not_to_have_class(re.compile("playing"))


def test_play_keeps_the_logs_own_pace(page: Page, server: ConsoleServer) -> None:
    open_log(page, server)
    page.evaluate(
        """() => {
            window.began = null;
            new MutationObserver(() => {
                const frame = parseInt(document.getElementById("frame-number").textContent);
                if (frame >= 2 && window.began === null) window.began = performance.now();
                if (frame >= 25 && !window.took) window.took = performance.now() - window.began;
            }).observe(document.getElementById("frame-number"), { childList: true });
        }"""
    )
    page.keyboard.press("Space")
    at(page, SEEN)
    took_ms = page.evaluate("window.took")

    # 23 frames are 767 ms; a busy machine may be late, but nothing may run ahead of the log.
    assert took_ms > 700


def test_speed_keys_change_the_pace_and_stop_at_the_last(page: Page, server: ConsoleServer) -> None:
    open_log(page, server)
    page.keyboard.press(".")
    expect(page.locator("#speed")).to_have_value("2")
    for _ in range(9):
        page.keyboard.press(",")
    expect(page.locator("#speed")).to_have_value("0.1")


def test_the_timeline_and_the_charts_follow_the_pointer(page: Page, server: ConsoleServer) -> None:
    open_log(page, server)
    box = page.locator("#timeline").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 20, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.75, middle, steps=4)
    page.mouse.up()
    dragged = page.locator("#clock").inner_text()
    page.locator(".chart-plot").first.click(position={"x": 5, "y": 10})

    assert 1.3 < float(dragged.split(":")[1]) < 1.7
    assert float(page.locator("#clock").inner_text().split(":")[1]) < 0.1


def test_the_cursor_of_the_charts_is_in_line_with_the_timeline(page: Page, server: ConsoleServer) -> None:
    open_log(page, server, moment="#t=1.2")
    cursor = page.locator(".cursor").first.bounding_box()
    shot = pixels(page.locator("#timeline"))
    box = page.locator("#timeline").bounding_box()

    assert cursor is not None and box is not None
    orange = (shot[..., 2] > 200) & (shot[..., 1] < 190) & (shot[..., 0] < 90)
    mark = box["x"] + np.flatnonzero(orange[4:20].all(axis=0)).mean()
    assert cursor["x"] + cursor["width"] / 2 == pytest.approx(mark, abs=1.5)


def test_n_and_p_go_from_event_to_event(page: Page, server: ConsoleServer) -> None:
    open_log(page, server, moment="#t=0.5")
    log = page.locator("body").get_attribute("data-log")
    events = server.app.test_client().get(f"/api/log/{log}").get_json()["events"]
    times = sorted({min(event["time_s"], 59 / 30) for event in events if event["time_s"] > 0.52})
    seen = []
    for _ in times:
        page.keyboard.press("n")
        shown = page.locator("#clock").inner_text()
        seen.append(float(shown.split(":")[1]))
        if seen[-1] == pytest.approx(29 / 30, abs=1e-3):
            expect(page.locator("#shown-event")).to_contain_text("No frame for 167 ms")
    at(page, SEEN)
    page.keyboard.press("p")

    assert seen == pytest.approx(times, abs=0.017)
    assert 29 / 30 in [pytest.approx(time, abs=1e-3) for time in seen]
    expect(page.locator("#clock")).to_have_text(f"0:{seen[-2]:06.3f}")


def test_the_help_lists_the_keys_and_keeps_them_from_the_page(page: Page, server: ConsoleServer) -> None:
    open_log(page, server)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    expect(page.locator("#keys")).to_contain_text("Next event")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")

    expect(page.locator("#help")).to_be_hidden()
    at(page, 1)


def test_the_checks_are_run_and_shown_and_the_runner_up_can_be_asked_about(
    page: Page, server: ConsoleServer
) -> None:
    open_log(page, server)
    page.locator("#show-checks").click()

    expect(page.locator("#check-results dt")).to_have_count(3)
    expect(page.locator("#check-results dt").first).to_have_text("Completeness: passed")
    page.locator("#close-checks").click()
    page.locator("#target").select_option("runner-up")
    settle(page)
    expect(page.locator("#stage-note")).to_be_hidden()
