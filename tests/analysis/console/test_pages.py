"""What the pages show, looked at in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from analysis.console.config import ConsoleConfig
from analysis.console.picture import PictureConfig, photograph
from analysis.console.server import ConsoleServer
from car.errors import Sim2RaceError
from tests.analysis.console.pages import (
    SEEN,
    Watch,
    at,
    log_address,
    open_log,
    same,
    settle,
    stage,
)


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


def test_the_link_button_copies_the_moment(page: Page, server: ConsoleServer) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_log(page, server, moment="#t=0.5&heat=gradcam&opacity=40")
    page.locator("#copy-link").click()
    expect(page.locator("#copy-link")).to_have_text("Copied")

    copied = page.evaluate("navigator.clipboard.readText()")

    assert copied == log_address(server, "whole", "#t=0.500&heat=gradcam&opacity=40")


def test_an_address_with_nonsense_still_opens_the_log(page: Page, server: ConsoleServer) -> None:
    open_log(page, server, moment="#t=1e99&heat=__proto__&opacity=abc&window=-1&action=<b>&speed=0")

    at(page, SEEN)
    expect(page.locator("#method")).to_have_value("hirescam")


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


def test_a_log_that_cannot_be_read_says_why_and_shows_no_empty_panels(
    browser: Browser, tmp_path: Path
) -> None:
    (tmp_path / "broken.mcap").write_bytes(b"<b>no log</b>" * 9)
    with ConsoleServer(ConsoleConfig(logs=tmp_path, port=0)) as server:
        page = browser.new_page()
        page.goto(log_address(server, "broken"))
        expect(page.locator("#notice")).to_contain_text("no MCAP file")
        expect(page.locator("#replay")).to_be_hidden()
        page.close()


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
