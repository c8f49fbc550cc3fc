from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect

from analysis.bench_log import write_bench_log
from analysis.card_cache import read_card
from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from analysis.report import ReportConfig, run
from analysis.run_card import RunCard
from tests.analysis.console.pages import Watch
from tests.car.logs import write_synthetic_log

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that differ in weave only, one of no laps, and a file that is no log."""
    folder = tmp_path_factory.mktemp("ranked")
    write_bench_log(folder, frames=2200, name="calm", weave_m=0.01)
    write_bench_log(folder, frames=2200, name="restless", weave_m=0.08)
    write_synthetic_log(folder, frames=20, name="short")
    (folder / f"{EVIL}.mcap").write_bytes(b"no log")
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> FlaskClient:
    return create_app(ConsoleConfig(logs=folder)).test_client()


@pytest.fixture(scope="module")
def ranked(folder: Path) -> Iterator[ConsoleServer]:
    with ConsoleServer(ConsoleConfig(logs=folder, port=0)) as server:
        yield server


def ids(client: FlaskClient, *names: str) -> str:
    logs = client.get("/api/logs").get_json()["logs"]
    return ",".join(log["id"] for name in names for log in logs if log["name"].startswith(name))


def test_places_come_with_a_sentence_between_neighbours_that_claims_no_more_than_the_laps(
    client: FlaskClient,
) -> None:
    address = f"/api/rank?runs={ids(client, 'restless', 'calm', 'short')}&weights="
    pair = f"/api/rank?runs={ids(client, 'restless', 'calm')}&weights="

    weave = client.get(f"{pair}weave_cm=1").get_json()
    frames = client.get(f"{pair}fps=1").get_json()
    three = client.get(f"{address}straight_tv=0,fps=1").get_json()

    assert [one["name"].split("-")[0] for one in weave["runs"]] == ["calm", "restless"]
    assert weave["runs"][0]["interval"][0] <= weave["runs"][0]["score"] <= weave["runs"][0]["interval"][1]
    assert len(weave["neighbours"]) == 1 and "is better than restless" in weave["neighbours"][0]
    assert frames["neighbours"][0].startswith("No verdict")
    assert len(three["neighbours"]) == 2 and "fewer than 3 laps" in "".join(three["neighbours"])


def test_a_measure_that_a_run_lacks_counts_for_none(client: FlaskClient) -> None:
    runs = ids(client, "restless", "calm", "short")

    found = client.get(f"/api/rank?runs={runs}&weights=lap_s=9,fps=1").get_json()
    figures = client.get(f"/api/rank/measures?runs={runs}").get_json()["figures"]

    assert found["weights"] == {"fps": 1.0}
    assert figures[ids(client, "short")]["lap_s"]["text"] == "–"  # noqa: RUF001
    calm = figures[ids(client, "calm")]["weave_cm"]
    assert calm["low"] <= calm["value"] <= calm["high"] and calm["text"].endswith("cm")


def test_the_report_is_the_commands(client: FlaskClient, folder: Path, tmp_path: Path) -> None:
    logs = tuple(next(folder.glob(f"{name}-*")) for name in ("calm", "restless"))
    run(ReportConfig(logs=logs, weights="weave_cm=2,lap_s=1", html=tmp_path / "report.html"))

    runs = ids(client, "restless", "calm")
    answer = client.get(f"/api/rank/report.html?runs={runs}&weights=weave_cm=2,lap_s=1")

    assert answer.get_data(as_text=True) == (tmp_path / "report.html").read_text()
    assert "attachment" in answer.headers["Content-Disposition"]


def test_a_log_that_cannot_be_read_is_left_out_with_the_reason(client: FlaskClient) -> None:
    answer = client.get("/api/rank/measures").get_json()

    assert len(answer["figures"]) == 3
    (refused,) = answer["refused"]
    assert refused["name"].startswith(EVIL[:4]) and "no MCAP" in refused["reason"]
    assert len(client.get("/api/rank").get_json()["runs"]) == 3


def test_a_log_that_cannot_be_read_is_tried_once_and_again_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.mcap").write_bytes(b"no log")
    tried: list[Path] = []

    def read(path: Path) -> RunCard:
        tried.append(path)
        return read_card(path)

    monkeypatch.setattr("analysis.console.library.read_run_card", read)
    client = create_app(ConsoleConfig(logs=tmp_path)).test_client()

    said = [client.get("/api/rank/measures").get_json()["refused"] for _ in range(3)]
    (tmp_path / "bad.mcap").write_bytes(b"still no log")
    client.get("/api/rank/measures")

    assert said[0] == said[2] and said[0][0]["reason"]
    assert len(tried) == 2


def test_measuring_is_done_in_pieces_of_a_bounded_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.console.standing.MEASURING_S", -1.0)
    client = create_app(ConsoleConfig(logs=folder)).test_client()

    answer = client.get("/api/rank/report.html")

    assert (answer.status_code, answer.get_json()) == (202, {"measured": 1, "of": 4})


def test_what_is_no_ranking_is_refused_in_one_line(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = ids(client, "calm", "restless")

    for runs_or_weights, status in (
        ("runs=nothing", 404),
        (f"runs={runs},..%2fetc", 404),
        (f"runs={runs}&weights=weaving=1", 422),
        (f"runs={runs}&weights=lap_s=nan", 422),
    ):
        answer = client.get(f"/api/rank?{runs_or_weights}")
        assert answer.status_code == status and "\n" not in answer.get_json()["error"]
    monkeypatch.setattr("analysis.console.standing.MOST_RUNS", 1)
    for address in ("/rank", "/api/rank", "/api/rank/measures", "/api/rank/report.html"):
        answer = client.get(f"{address}?runs={runs}")
        assert answer.status_code == 422 and "up to 1 runs" in answer.get_data(as_text=True)


def test_chosen_runs_are_ranked_and_weights_move_the_places_and_stay_in_the_address(
    browser: Browser, ranked: ConsoleServer, watch: Watch
) -> None:
    page = watch.on(browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark"))
    page.goto(ranked.url())
    expect(page.locator("#rank")).to_have_text("Rank 4 runs")
    page.locator("#filter").fill("restless")
    expect(page.locator("#rank")).to_be_disabled()
    page.locator("#filter").fill("")
    for name in ("short", "restless", "calm"):
        page.locator(f"tr[data-log^='{name}'] .chosen").check()
    expect(page.locator("#compare")).to_be_disabled()
    page.locator("tr[data-log^='short'] .chosen").uncheck()
    expect(page.locator("#compare")).to_be_enabled()
    watch.problems.clear()  # The browser reports the log that cannot be read.
    page.locator("#rank").click()

    expect(page.locator(".place .name a")).to_contain_text(["calm", "restless"])
    expect(page.locator(".between")).to_contain_text("is better than")
    weave = page.locator("[data-measure='weave_cm']")
    expect(weave.locator(".figure .sub")).to_contain_text([" to ", " to "])
    weave.locator("input[type='number']").fill("0")
    page.wait_for_url("**#weave_cm=0")
    expect(weave.locator("input[type='range']")).to_have_value("0")
    expect(weave).to_have_class("idle")
    keys = "[...document.querySelectorAll('[data-measure]')].map((row) => `${row.dataset.measure}=0`)"
    page.goto(f"{page.url.split('#')[0]}#{'&'.join(page.evaluate(keys))}")
    expect(page.locator("#verdict")).to_contain_text("no weighted measure in common")
    expect(page.locator(".place .rank")).to_have_text(["–", "–"])  # noqa: RUF001
    page.locator("#usual").click()
    expect(page.locator("#verdict")).to_contain_text("is better than")
    with page.expect_download() as download:
        page.locator("#report").click()
    assert "is better than" in Path(download.value.path()).read_text()
    page.close()
    assert watch.problems == []


def test_names_and_reasons_are_text_and_nothing_runs_over_the_edge(
    browser: Browser, ranked: ConsoleServer, watch: Watch
) -> None:
    for scheme in ("light", "dark"):
        context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme)
        page = watch.on(context.new_page())
        page.goto(ranked.url("/rank"))
        expect(page.locator("#refused")).to_contain_text(f"{EVIL} is left out")
        for width, height in ((1440, 900), (1024, 768)):
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        context.close()
    assert watch.problems == []
