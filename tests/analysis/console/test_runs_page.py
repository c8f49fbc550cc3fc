from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from analysis.bench_log import write_bench_log
from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from car.action_space import ContinuousActionSpace
from car.log_reader import read_log
from tests.analysis.console.pages import Watch, settle
from tests.car.logs import write_synthetic_log
from tests.car.policies import make_metadata, save_policy

EVIL = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleServer]:
    folder = tmp_path_factory.mktemp("runs")
    policy = save_policy(folder / "policy.onnx")
    write_bench_log(folder / "logs", frames=1400, name="calm", weave_m=0.01)
    write_bench_log(folder / "logs", frames=1400, name="restless", weave_m=0.08)
    write_synthetic_log(folder / "logs", frames=20, name="short", policy=policy)
    with ConsoleServer(ConsoleConfig(logs=folder / "logs", port=0)) as server:
        yield server


@pytest.fixture
def list_page(browser: Browser, runs: ConsoleServer, watch: Watch) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = watch.on(context.new_page())
    page.goto(runs.url())
    expect(page.locator("tr[data-log^='restless'] [data-field='weave_cm']")).to_contain_text("cm")
    expect(page.locator("tr[data-log^='calm'] [data-field='weave_cm']")).to_contain_text("cm")
    yield page
    context.close()
    assert watch.problems == []


def names(page: Page) -> list[str]:
    return [text.split("-")[0] for text in page.locator("tbody tr:visible .model a").all_inner_texts()]


def test_a_click_on_a_heading_sorts_and_another_turns_the_order_round(list_page: Page) -> None:
    heading = list_page.locator("[data-sort='weave_cm']")

    heading.click()
    assert names(list_page) == ["calm", "restless", "short"]
    heading.click()
    assert names(list_page) == ["restless", "calm", "short"]
    expect(list_page.locator("th[aria-sort='descending']")).to_have_text("Weave")


def test_the_filter_shows_the_runs_that_hold_every_word(list_page: Page) -> None:
    list_page.locator("#filter").fill("forever calm")

    assert names(list_page) == ["calm"]
    expect(list_page.locator("#shown-count")).to_have_text("1 of 3 runs")


def test_order_filter_tags_and_choice_survive_a_reload_and_the_way_back(list_page: Page) -> None:
    for name, tags in (("calm", "final, wet floor"), ("restless", "wet floor")):
        list_page.locator(f"tr[data-log^='{name}'] .edit").click()
        list_page.locator("#remarks-tags").fill(tags)
        list_page.locator("#remarks-save").click()
        expect(list_page.locator("#remarks")).to_be_hidden()
    list_page.locator("[data-sort='weave_cm']").click()
    list_page.locator("[data-sort='weave_cm']").click()
    list_page.locator("tr[data-log^='calm'] .tag", has_text="wet floor").click()
    list_page.locator("#filter").fill("forever")
    list_page.locator("tr[data-log^='calm'] .chosen").check()
    list_page.wait_for_url("**sort=weave_cm&order=falling&filter=forever&tag=wet+floor&chosen=calm-**")
    list_page.reload()

    expect(list_page.locator("tr[data-log^='restless'] [data-field='weave_cm']")).to_contain_text("cm")
    expect(list_page.locator("tr[data-log^='calm'] [data-field='weave_cm']")).to_contain_text("cm")
    assert names(list_page) == ["restless", "calm"]
    expect(list_page.locator("#filter")).to_have_value("forever")
    expect(list_page.locator("#by-tags .tag")).to_have_text(["wet floor"])
    expect(list_page.locator("th[aria-sort='descending']")).to_have_text("Weave")
    expect(list_page.locator("tr[data-log^='calm'] .chosen")).to_be_checked()
    list_page.locator("tr[data-log^='calm'] .tag", has_text="final").click()
    assert names(list_page) == ["calm"]
    list_page.locator("tr[data-log^='calm'] .model a").click()
    list_page.wait_for_url("**/log/calm-**")
    list_page.go_back()
    expect(list_page.locator("#by-tags .tag")).to_have_text(["wet floor", "final"])
    list_page.go_back()
    expect(list_page.locator("#by-tags .tag")).to_have_text(["wet floor"])
    list_page.locator("#by-tags .tag").click()
    expect(list_page.locator("#by-tags .tag")).to_have_count(0)
    list_page.locator("#filter").fill("note")
    expect(list_page.locator("#shown-count")).to_have_text("0 of 3 runs")


@pytest.mark.parametrize("nonsense", ["sort=__proto__&order=falling", "tag=%00&chosen=../x", "filter=("])
def test_an_address_of_nonsense_is_a_list_all_the_same(
    list_page: Page, runs: ConsoleServer, nonsense: str
) -> None:
    list_page.goto(runs.url("/") + f"#{nonsense}")
    list_page.reload()

    expect(list_page.locator("#shown-count")).to_contain_text("run")
    expect(list_page.locator("th[aria-sort='descending'], th[aria-sort='ascending']")).to_have_count(0)


def test_tags_and_a_note_are_kept_and_are_text(list_page: Page) -> None:
    row = list_page.locator("tr[data-log^='calm']")
    row.locator(".edit").click()
    list_page.locator("#remarks-tags").fill("wet floor, final")
    list_page.locator("#remarks-note").fill(EVIL)
    list_page.locator("#remarks-save").click()

    expect(row.locator(".tag")).to_have_text(["wet floor", "final"])
    list_page.reload()
    expect(row.locator(".note")).to_have_text(EVIL)
    assert list_page.title() != "1"


def test_too_long_a_tag_is_refused_in_the_dialog(list_page: Page, watch: Watch) -> None:
    list_page.locator("tr[data-log^='calm'] .edit").click()
    list_page.locator("#remarks-tags").fill("x" * 40)
    list_page.locator("#remarks-save").click()

    expect(list_page.locator("#remarks-problem")).to_contain_text("up to 32 letters")
    watch.problems.clear()  # The browser reports the refusal too.


def test_a_run_goes_to_the_bin_and_is_put_back(list_page: Page) -> None:
    list_page.locator("tr[data-log^='restless'] .delete").click()
    expect(list_page.locator("tr[data-log^='restless']")).to_have_count(0)

    list_page.locator("#undo-button").click()

    expect(list_page.locator("tr[data-log^='restless']")).to_have_count(1)


def test_a_run_is_put_back_from_the_bin_after_the_page_was_left(list_page: Page) -> None:
    row = list_page.locator("tr[data-log^='restless']")
    row.locator(".delete").click()
    expect(row).to_have_count(0)
    list_page.reload()
    list_page.locator("#show-bin").click()
    expect(list_page.locator("#binned .name")).to_contain_text(["restless"])

    list_page.get_by_role("button", name=re.compile("Put restless.* back")).click()

    expect(list_page.locator("#bin-empty")).to_be_visible()
    expect(row.locator("[data-field='weave_cm']")).to_contain_text("cm")
    list_page.locator("#bin-close").click()
    expect(list_page.locator("#bin")).to_be_hidden()


def test_nothing_runs_over_the_edge_at_a_pit_walls_or_a_tablets_size(list_page: Page) -> None:
    for width, height in ((1440, 900), (1024, 768), (820, 1180)):
        list_page.set_viewport_size({"width": width, "height": height})
        wide = list_page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width


def test_a_long_reason_and_long_figures_do_not_push_the_buttons_over_the_edge(
    list_page: Page, runs: ConsoleServer
) -> None:
    long = {
        "stop_reason": "no fresh command for 100 ms",
        "damage": "cut off",
        "fps": 29.6,
        "dropped": 1234,
        "frames": 123_456,
        "track": "reinvent-2018-wide",
        "direction": "counterclockwise",
        "duration_s": 3754.2,
        "latency_p50_ms": 112.5,
        "latency_p99_ms": 134.5,
    }

    def lengthen(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), **long})

    list_page.route(re.compile("/card"), lengthen)
    list_page.goto(runs.url())
    for name in ("calm", "restless"):
        expect(list_page.locator(f"tr[data-log^='{name}'] [data-field='stop']")).to_contain_text("100 ms")
        expect(list_page.locator(f"tr[data-log^='{name}'] .damage")).to_have_attribute("title", "cut off")
    for width in (1920, 1721, 1720, 1440, 1400, 1361, 1360, 1281, 1280, 1024, 961, 960, 768):
        list_page.set_viewport_size({"width": width, "height": 900})
        for button in list_page.locator("tr .delete").all():
            box = button.bounding_box()
            assert box is not None and box["x"] + box["width"] <= width, width
        assert list_page.evaluate("document.documentElement.scrollWidth") <= width
        expect(list_page.locator("tr[data-log^='calm'] .damage")).to_be_visible()


def test_the_facts_of_a_run_with_a_best_lap_are_whole(list_page: Page, runs: ConsoleServer) -> None:
    calm = next(one.id for one in runs.app.config["LIBRARY"].entries() if one.name.startswith("calm"))
    list_page.goto(runs.url(f"/log/{calm}"))
    settle(list_page)
    expect(list_page.locator("#facts")).to_contain_text("best lap")
    for width in (1440, 1400, 1280, 1101):
        list_page.set_viewport_size({"width": width, "height": 900})
        edge = list_page.locator("#facts").bounding_box()
        assert edge is not None
        for fact in list_page.locator("#facts li").all():
            box = fact.bounding_box()
            assert box is not None and box["x"] + box["width"] <= edge["x"] + edge["width"] + 1, width
            assert box["y"] + box["height"] <= edge["y"] + edge["height"] + 1, width


def test_a_continuous_policy_shows_both_outputs_and_either_can_be_explained(
    browser: Browser, watch: Watch, tmp_path: Path
) -> None:
    space = ContinuousActionSpace(math.radians(-20), math.radians(20), 0.5, 2.0)
    policy = save_policy(tmp_path / "policy.onnx", make_metadata(space))
    log = write_bench_log(tmp_path / "logs", frames=10, space=space, policy=policy)
    outputs = read_log(log).frames.probabilities[4]
    with ConsoleServer(ConsoleConfig(logs=log, port=0)) as server:
        page = watch.on(browser.new_page(viewport={"width": 1440, "height": 900}))
        page.goto(server.url(f"/log/{log.name}"))
        settle(page)
        for _ in range(4):
            page.keyboard.press("ArrowRight")
        shown = page.locator(".output .value")
        expect(shown.first).to_have_text(f"{outputs[0]:+.2f}".replace("-", "\u2212"))
        expect(shown.last).to_have_text(f"{outputs[1]:+.2f}".replace("-", "\u2212"))
        # Left is drawn on the left: the mark of the steering lies where the policy turns to.
        rail, mark = (page.locator(f".output {part}").first.bounding_box() for part in (".rail", ".mark"))
        assert rail is not None and mark is not None
        middle = rail["x"] + rail["width"] / 2
        assert (mark["x"] + 3 < middle) == bool(outputs[0] > 0)
        page.locator(".output").last.click()
        expect(page.locator("#target")).to_have_value("1")
        settle(page)
        page.close()
    assert watch.problems == []


def test_a_moment_is_bookmarked_by_key_listed_and_removed(list_page: Page, runs: ConsoleServer) -> None:
    list_page.locator("tr[data-log^='short'] .model a").click()
    settle(list_page)
    list_page.keyboard.press("End")
    list_page.keyboard.press("m")
    list_page.locator("#bookmark-words").fill(f"late {EVIL}")
    list_page.keyboard.press("Enter")

    mark = list_page.locator("[data-severity='bookmark']")
    expect(mark.locator(".text")).to_have_text(f"late {EVIL}")
    list_page.keyboard.press("Home")
    list_page.reload()
    settle(list_page)
    mark.click()
    expect(list_page.locator("#frame-number")).to_have_text("20 of 20")
    list_page.locator(".remove").click()
    expect(mark).to_have_count(0)
