"""The console as a person meets it: clicked, scrubbed and steered by keys in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from analysis.console.config import ConsoleConfig
from analysis.console.picture import PictureConfig, photograph
from analysis.console.server import ConsoleServer
from car.errors import Sim2RaceError
from tests.analysis.console.conftest import FRAMES, SKIPPED, Watch, log_address, pixels

SEEN = FRAMES - len(SKIPPED)


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


def test_the_frame_is_painted_and_changes_with_the_moment(page: Page, server: ConsoleServer) -> None:
    open_log(page, server, moment="#t=0&heat=off")
    first = stage(page)
    page.keyboard.press("End")
    at(page, SEEN)
    last = stage(page)

    assert first.std() > 20  # A road under a sky, not a blank stage.
    assert first[: len(first) // 4].mean() < first[len(first) // 2 :].mean() - 20
    assert np.abs(first - last).mean() > 2


def test_the_heat_map_lies_over_the_frame_and_can_be_taken_away(page: Page, server: ConsoleServer) -> None:
    open_log(page, server, moment="#t=0.5&heat=off")
    bare = stage(page)
    page.keyboard.press("g")
    heated = stage(page)
    page.keyboard.press("g")
    again = stage(page)

    assert np.abs(heated - bare).mean() > 2
    assert same(bare, again)


def test_opacity_fades_the_heat_map(page: Page, server: ConsoleServer) -> None:
    shown = {}
    open_log(page, server)
    for opacity in (0, 40, 100):
        page.goto(log_address(server, "whole", f"#t=0.5&heat=hirescam&opacity={opacity}"))
        expect(page.locator("#opacity")).to_have_value(str(opacity))
        shown[opacity] = stage(page)

    faint = np.abs(shown[40] - shown[0]).mean()
    full = np.abs(shown[100] - shown[0]).mean()
    assert full > faint > 0.5


def test_method_and_action_change_the_heat_map(page: Page, server: ConsoleServer) -> None:
    open_log(page, server, moment="#t=0.5&heat=hirescam&opacity=100")
    hirescam = stage(page)
    page.select_option("#method", "gradcam")
    page.wait_for_url(re.compile("heat=gradcam"))
    gradcam = stage(page)
    page.locator(".action").last.click()
    page.wait_for_url(re.compile("action="))
    other_action = stage(page)

    assert np.abs(hirescam - gradcam).mean() > 1
    assert np.abs(gradcam - other_action).mean() > 0.5
    expect(page.locator(".action.explained")).to_have_count(1)


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


def test_a_copied_address_returns_to_the_moment(page: Page, server: ConsoleServer, browser: Browser) -> None:
    open_log(page, server)
    for _ in range(7):
        page.keyboard.press("ArrowRight")
    page.wait_for_url(re.compile(r"t=0\.233"))
    seen = stage(page)
    copied = page.url

    other = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    other.goto(copied)
    at(other, 8)
    returned = stage(other)
    other.close()

    assert same(seen, returned)


def test_an_address_with_nonsense_still_opens_the_log(page: Page, server: ConsoleServer) -> None:
    open_log(page, server, moment="#t=1e99&heat=__proto__&opacity=abc&window=-1&action=<b>&speed=0")

    at(page, SEEN)
    expect(page.locator("#method")).to_have_value("hirescam")


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
    assert 700 < took_ms < 3000


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
    page.keyboard.press("n")
    at(page, SKIPPED[0])
    expect(page.locator("#shown-event")).to_contain_text("No frame for 167 ms")
    page.keyboard.press("n")
    at(page, SEEN)
    page.keyboard.press("p")
    at(page, SKIPPED[0])


def test_actions_stand_in_steering_order_and_the_chosen_one_is_marked(
    page: Page, server: ConsoleServer
) -> None:
    open_log(page, server, moment="#t=0.5")
    angles = [
        float(text.rstrip("°").replace("\u2212", "-")) for text in page.locator(".angle").all_inner_texts()
    ]
    chosen = page.locator(".action.chosen .angle").inner_text()

    assert angles == sorted(angles, reverse=True)
    assert len(angles) == 9
    assert page.locator("#steering-value").inner_text().removesuffix(".0") == chosen.rstrip("°")


def test_the_help_lists_the_keys_and_keeps_them_from_the_page(page: Page, server: ConsoleServer) -> None:
    open_log(page, server)
    page.keyboard.press("?")
    expect(page.locator("#help")).to_be_visible()
    expect(page.locator("#keys")).to_contain_text("Next event")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")

    expect(page.locator("#help")).to_be_hidden()
    at(page, 1)


def test_a_log_without_a_policy_plays_and_says_why_there_is_no_heat_map(
    page: Page, server: ConsoleServer
) -> None:
    open_log(page, server, "bare")

    expect(page.locator("#stage-note")).to_contain_text("No heat map: There is no policy.onnx")
    expect(page.locator("#heat-toggle")).to_be_disabled()
    assert stage(page).std() > 20


def test_a_log_that_was_cut_off_says_so_and_plays_up_to_the_cut(page: Page, server: ConsoleServer) -> None:
    open_log(page, server, "cut")

    expect(page.locator("#notice")).to_contain_text("damaged")
    page.keyboard.press("End")
    assert stage(page).std() > 20


def test_the_list_shows_every_log_with_its_picture_and_opens_it(page: Page, server: ConsoleServer) -> None:
    page.goto(server.url())
    row = page.locator("tr[data-log^='whole']")
    expect(row.locator("[data-field='latency']")).to_have_text("15.0 / 15.0 ms")
    expect(row.locator("[data-field='frames']")).to_contain_text("4 dropped")
    expect(row.locator("img")).to_have_js_property("naturalWidth", 160)
    expect(page.locator("tr[data-log^='cut'] .alarm")).to_have_text("damaged")
    row.locator(".model a").click()

    settle(page)
    assert stage(page).std() > 20


def test_the_page_fits_a_tablet_and_a_finger_scrubs(
    browser: Browser, server: ConsoleServer, watch: Watch
) -> None:
    context = browser.new_context(
        viewport={"width": 820, "height": 1180}, has_touch=True, color_scheme="light"
    )
    page = watch.on(context.new_page())
    open_log(page, server)
    box = page.locator("#timeline").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 20)
    clock = page.locator("#clock").inner_text()
    wide = page.evaluate("document.documentElement.scrollWidth")
    context.close()

    assert 0.8 < float(clock.split(":")[1]) < 1.2
    assert wide <= 820
    assert watch.problems == []


def test_the_link_with_a_token_opens_the_console_and_the_token_leaves_the_address(
    browser: Browser, logs: Path, watch: Watch
) -> None:
    with ConsoleServer(ConsoleConfig(logs=logs, host="0.0.0.0", port=0)) as public:
        link = public.url()
        context = browser.new_context()
        page = watch.on(context.new_page())
        page.goto(link)
        expect(page.locator("tr[data-log^='whole'] img")).to_have_js_property("naturalWidth", 160)
        address = page.url
        page.locator("tr[data-log^='whole'] .model a").click()
        settle(page)
        context.close()

    assert "token=" in link and "token" not in address
    assert watch.problems == []


def test_the_picture_for_the_readme_is_the_page_at_a_telling_moment(
    browser: Browser, logs: Path, tmp_path: Path
) -> None:
    output = tmp_path / "docs" / "console.png"

    photograph(browser, PictureConfig(log=next(logs.glob("whole-*")), output=output))

    picture = cv2.imread(str(output))
    assert picture is not None and picture.shape == (900, 1440, 3)
    assert picture[60:400, 20:580].std() > 20


def test_a_picture_of_what_is_no_log_is_refused_in_one_line(browser: Browser, tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match="does not exist"):
        photograph(browser, PictureConfig(log=tmp_path / "nothing", output=tmp_path / "console.png"))
