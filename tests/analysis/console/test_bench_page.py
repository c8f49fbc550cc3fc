"""The robustness bench: a lamp dragged across the picture, and what the policy decides instead."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect

from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from tests.analysis.console.pages import Watch, open_log, pixels
from tests.car.logs import write_synthetic_log
from tests.car.policies import save_policy


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    folder = tmp_path_factory.mktemp("bench")
    policy = save_policy(folder / "policy.onnx")
    write_synthetic_log(folder / "logs", frames=30, policy=policy, name="whole")
    write_synthetic_log(folder / "logs", frames=5, name="bare")
    with ConsoleServer(ConsoleConfig(logs=folder / "logs", models=folder / "none", port=0)) as server:
        yield server


@pytest.fixture
def bench(browser: Browser, served: ConsoleServer, watch: Watch) -> Iterator[Page]:
    page = watch.on(browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark"))
    open_log(page, served, moment="#t=0.5")
    page.locator("#to-bench").click()
    expect(page.locator("#at")).to_have_text("0:00.50 · 16")
    expect(page.locator("#changed")).to_have_text("It decides the same")
    yield page
    page.close()
    assert watch.problems == []


def test_a_lamp_is_dragged_across_the_picture_and_the_address_keeps_it(bench: Page) -> None:
    stage = bench.locator("#stage")
    before = pixels(stage)
    bench.locator("#lamp").click()
    bench.locator("#lamp-size").fill("30")
    box = stage.bounding_box()
    assert box is not None
    bench.mouse.move(box["x"] + 300, box["y"] + 200)
    bench.mouse.down()
    bench.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.75, steps=6)
    bench.mouse.up()
    bench.wait_for_url(re.compile(r"lamp=40\.0%2C90\.0%2C30%2C1$"))
    bench.wait_for_timeout(150)
    after = pixels(stage)
    bench.keyboard.press("ArrowRight")
    bench.wait_for_url(re.compile(r"lamp=42\.0%2C90\.0"))

    height, width = after.shape[:2]
    corner = after[int(height * 0.6) : int(height * 0.7), int(width * 0.15) : int(width * 0.35)]
    assert corner.mean() > 240 > before.mean() + 30
    assert abs(after[:60, -60:] - before[:60, -60:]).max() < 12, "what is far from the lamp stays"


def test_darkness_changes_the_action_and_the_reset_brings_it_back(bench: Page) -> None:
    words = bench.locator("#before").inner_text()
    for name, value in (("brightness", "-2"), ("contrast", "0"), ("noise", "60")):
        bench.locator(f"#{name}").fill(value)
        if "otherwise" in bench.locator("#changed").inner_text():
            break
    bench.wait_for_url("**brightness=-2**")
    assert bench.locator("#before").inner_text() == words
    bench.locator("#reset").click()

    expect(bench.locator("#changed")).to_have_text("It decides the same")
    expect(bench.locator("#after")).to_have_text(words)
    expect(bench.locator("#bars .best")).to_have_count(1)


def test_over_the_log_it_is_counted_how_many_frames_change(bench: Page) -> None:
    bench.locator("#kind").select_option("noise")
    bench.locator("#sweep").click()

    expect(bench.locator("#columns > div")).to_have_count(5)
    expect(bench.locator("#sweep-said")).to_contain_text("of the frames change")


def parts_of(content: bytes) -> tuple[dict[str, object], bytes]:
    length = int.from_bytes(content[:4], "little")
    return json.loads(content[4 : 4 + length]), content[4 + length :]


def decoded(packed: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(packed, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_undisturbed_is_the_frame_itself_and_the_same_request_has_the_same_answer(
    served: ConsoleServer,
) -> None:
    client = served.app.test_client()
    log = next(e.id for e in served.app.config["LIBRARY"].entries() if e.name.startswith("whole"))
    head, png = parts_of(client.get(f"/api/log/{log}/disturbed/3").data)
    frame = decoded(client.get(f"/api/log/{log}/frame/3.jpg").data)
    noisy = client.get(f"/api/log/{log}/disturbed/3?noise=30").data

    assert head["changed"] is False and head["before"] == head["after"]
    assert np.array_equal(decoded(png), frame)
    assert noisy == client.get(f"/api/log/{log}/disturbed/3?noise=30").data


@pytest.mark.parametrize(
    "query",
    ["blur=1e9", "noise=nan", "contrast=-1", "brightness=", "lamp=1,2", "lamp=1,2,3,inf", "lamp=a,b,c,d"],
)
def test_a_disturbance_beyond_reason_is_refused(served: ConsoleServer, query: str) -> None:
    client = served.app.test_client()
    log = next(e.id for e in served.app.config["LIBRARY"].entries() if e.name.startswith("whole"))

    assert client.get(f"/api/log/{log}/disturbed/0?{query}").status_code == 400
    assert client.get(f"/api/log/{log}/disturbed/99").status_code == 404
    assert client.get(f"/api/log/{log}/sweep?kind=__class__").status_code == 422


def test_a_log_without_a_policy_says_so(browser: Browser, served: ConsoleServer) -> None:
    page = browser.new_page()
    log = next(e.id for e in served.app.config["LIBRARY"].entries() if e.name.startswith("bare"))
    page.goto(served.url(f"/bench/{log}"))
    expect(page.locator("#notice")).to_contain_text("no policy.onnx")
    assert pixels(page.locator("#stage")).std() > 10, "the frame is there to be seen"
    page.close()
