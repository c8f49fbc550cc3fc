"""Traces and metrics of the reference simulator in the console: listed, opened, compared, brought in."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect
from werkzeug.test import TestResponse

from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from analysis.console.security import CSRF_HEADER
from analysis.console.server import ConsoleServer
from tests.analysis.console.looks import too_faint, too_wide
from tests.analysis.console.pages import Watch, open_log
from tests.analysis.traces import spoil, write_metrics, write_trace
from tests.car.logs import write_synthetic_log

MARKUP = "<img src=x>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two traces, a damaged one, metrics, a car log, and what is none of it."""
    root = tmp_path_factory.mktemp("traces")
    write_synthetic_log(root / "logs", frames=20, name="car")
    write_trace(root / "logs/calm.csv", laps=4, weave_m=0.0, pause_s=1.0, wall_clock=1.7e9)
    write_trace(root / "logs/restless.csv", laps=4, weave_m=0.08, pause_s=1.0)
    write_trace(root / "logs/broken.csv", laps=2, pause_s=1.0)
    spoil(
        root / "logs/broken.csv", 250, f"1,70,1.0,{MARKUP},0,5,1.5,1,0,0,0,9.0,0,17.7,99.0,in_progress,0,0,0"
    )
    write_metrics(root / "logs/EvaluationMetrics.json", 12.5, 13.0, 14.0)
    (root / "logs/shopping.csv").write_text("milk,2\n")
    (root / "secret.csv").write_text("secret")
    return root / "logs"


@pytest.fixture(scope="module")
def client(folder: Path) -> FlaskClient:
    return create_app(ConsoleConfig(logs=folder)).test_client()


def ids(client: FlaskClient) -> dict[str, str]:
    """Return the logs' ids by their names."""
    return {log["name"]: log["id"] for log in client.get("/api/logs").get_json()["logs"]}


def test_traces_and_metrics_are_listed_beside_car_logs(client: FlaskClient) -> None:
    names = ids(client)
    assert {"calm", "restless", "broken", "logs/EvaluationMetrics"} < set(names) and len(names) == 5

    card = client.get(f"/api/log/{names['calm']}/card").get_json()
    assert (card["laps"], card["track"], card["has_pictures"]) == (4, "reinvent-2018", False)
    assert card["figures"]["weave_cm"] == pytest.approx(0.0, abs=0.3) and card["score"] > 50
    assert card["started_at"].startswith("2023-11-14") and card["stop_reason"] == "lap complete"
    card = client.get(f"/api/log/{names['logs/EvaluationMetrics']}/card").get_json()
    assert (card["laps"], card["best_lap_s"], card["frames"]) == (3, 12.5, 0)


def test_a_trace_answers_what_its_page_asks_and_has_no_pictures(client: FlaskClient) -> None:
    trace = f"/api/log/{ids(client)['restless']}"

    document = client.get(trace).get_json()
    assert document["track"]["name"] == "reinvent-2018" and not document["has_pictures"]
    assert len(document["scorecard"]["laps"]) == 4
    assert len(client.get(f"{trace}/laps").get_json()["laps"]) == 4
    assert client.get(f"{trace}/metrics.json").get_json()["measures"]["weave_cm"] > 3.0
    refused = client.get(f"{trace}/heatmap").get_json()
    assert not refused["available"] and refused["reason"] == "There are no pictures in this run."
    for picture in ("thumbnail.jpg", "frame/3.jpg", "heatmap/3.png", "disturbed/3", "checks"):
        answer = client.get(f"{trace}/{picture}")
        assert answer.status_code == 422 and "picture" in answer.get_json()["error"]
    head = client.get(f"{trace}/moment/3?parts=frame").data
    assert b"without a picture" in head


def test_a_damaged_trace_is_shown_up_to_the_damage_with_file_and_line(client: FlaskClient) -> None:
    document = client.get(f"/api/log/{ids(client)['broken']}").get_json()

    assert document["damage"] == f"broken.csv, line 250: column 'Y' holds '{MARKUP}', which is no number"
    assert len(document["scorecard"]["laps"]) == 1


@pytest.mark.parametrize("pair", [("calm", "logs/EvaluationMetrics"), ("calm", "car-"), ("broken", "calm")])
def test_a_trace_is_compared_with_any_run(client: FlaskClient, pair: tuple[str, str]) -> None:
    first, second = (next(i for name, i in ids(client).items() if name.startswith(one)) for one in pair)

    answer = client.get(f"/api/compare/{first}/{second}").get_json()

    assert answer["ways"]["time"]["signals"] and answer["verdict"]
    assert [run["has_pictures"] for run in answer["runs"]] == [False, pair[1] == "car-"]


def test_traces_metrics_and_a_damaged_trace_are_ranked(client: FlaskClient) -> None:
    names = ids(client)
    wanted = ",".join(names[name] for name in ("calm", "restless", "broken", "logs/EvaluationMetrics"))

    measures = client.get(f"/api/rank/measures?runs={wanted}").get_json()
    places = client.get(f"/api/rank?runs={names['calm']},{names['restless']}&weights=weave_cm=1").get_json()

    assert measures["refused"] == []
    assert any("broken.csv, line 250" in line for line in measures["parameters"])
    assert places["verdict"].startswith("calm is better than restless")


def test_an_address_outside_the_folder_opens_nothing(client: FlaskClient) -> None:
    for address in ("..%2fsecret.csv", "secret.csv", "shopping.csv", "calm.csv%00", "../secret.csv"):
        assert client.get(f"/api/log/{address}").status_code in (308, 404)


@pytest.mark.parametrize("where", ["race.csv", "oval/evaluation-simtrace/0-iteration.csv"])
def test_a_trace_goes_to_the_bin_and_comes_back_to_its_place(tmp_path: Path, where: str) -> None:
    place = tmp_path / where
    place.parent.mkdir(parents=True, exist_ok=True)
    write_trace(place, laps=1)
    app = create_app(ConsoleConfig(logs=tmp_path))
    client, token = app.test_client(), {CSRF_HEADER: app.config["CHANGE_TOKEN"]}
    ((name, identifier),) = ids(client).items()

    key = client.post(f"/api/log/{identifier}/delete", json={}, headers=token).get_json()["key"]

    assert ids(client) == {} and not place.exists()
    (held,) = client.get("/api/bin").get_json()["logs"]
    assert (held["key"], held["name"]) == (key, place.name)
    assert client.post(f"/api/bin/{key}/restore", json={}, headers=token).status_code == 200
    assert ids(client) == {name: identifier} and place.is_file()
    assert client.get("/api/bin").get_json()["logs"] == []
    assert client.get(f"/api/log/{identifier}").status_code == 200


def test_a_console_of_one_trace_shows_it(tmp_path: Path) -> None:
    path = write_trace(tmp_path / "race.csv", laps=1)
    write_trace(tmp_path / "other.csv", laps=1)
    client = create_app(ConsoleConfig(logs=path)).test_client()

    assert [log["name"] for log in client.get("/api/logs").get_json()["logs"]] == ["race"]
    assert client.get("/api/log/race.csv").status_code == 200


# Brought in


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def send(store: Path, content: bytes, name: str) -> TestResponse:
    app = create_app(ConsoleConfig(logs=store))
    return app.test_client().post(
        "/api/upload",
        query_string={"name": name},
        data=content,
        headers={CSRF_HEADER: app.config["CHANGE_TOKEN"]},
        content_type="application/octet-stream",
    )


def stored(store: Path) -> list[str]:
    return sorted(str(path.relative_to(store)) for path in store.rglob("*") if path.name[0] != ".")


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_trace(tmp_path_factory.mktemp("trace") / "a.csv", laps=1).read_bytes()


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_metrics(tmp_path_factory.mktemp("metrics") / "a.json", 12.5).read_bytes()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("race.csv", "race"), ("../../etc/passwd.csv", "passwd"), ("..\\x<b>.csv", "x-b"), ("a b.csv", "a-b")],
)
def test_a_trace_is_kept_under_a_plain_name_and_over_no_other(
    store: Path, trace: bytes, name: str, expected: str
) -> None:
    assert send(store, trace, name).get_json() == {"names": [f"{expected}.csv"]}
    assert send(store, trace, name).get_json() == {"names": [f"{expected}-2.csv"]}
    assert stored(store) == [f"{expected}-2.csv", f"{expected}.csv"]


def test_a_metrics_file_is_taken_in(store: Path, metrics: bytes) -> None:
    assert send(store, metrics, "evaluation-2026.json").get_json() == {"names": ["evaluation-2026.json"]}
    assert stored(store) == ["evaluation-2026.json"]


def archives(files: dict[str, bytes]) -> Iterator[bytes]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    yield packed.getvalue()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    yield packed.getvalue()


def test_an_archive_gives_its_traces_and_metrics_and_leaves_other_tables(
    store: Path, trace: bytes, metrics: bytes
) -> None:
    files = {
        "m/evaluation-simtrace/0-iteration.csv": trace,
        "m/training-simtrace/0-iteration.csv": trace,
        "m/metrics.json": metrics,
        "m/hyperparameters.json": b'{"lr": 1}',
        "m/shopping.csv": b"milk,2\n",
    }
    names = ["evaluation-simtrace-0-iteration", "m-metrics", "training-simtrace-0-iteration"]
    for number, content in enumerate(archives(files)):
        again = f"-{number + 1}" if number else ""
        assert send(store, content, "model.zip").get_json()["names"] == [
            f"{name}{again}{'.json' if name == 'm-metrics' else '.csv'}" for name in names
        ]
    assert len(stored(store)) == 6


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"", "race.csv"),
        (b"milk,2\n", "race.csv"),
        (b"\0" * 9999, "race.csv"),
        (b"{}", "metrics.json"),
        (b"[" * 9999, "metrics.json"),
        (b'{"metrics": []}', "metrics.json"),
        (next(archives({"a/shopping.csv": b"milk,2\n"})), "a.zip"),
        (next(archives({f"a/{i}.csv": b"x" for i in range(999)})), "a.zip"),
    ],
)
def test_what_is_no_run_is_refused_in_one_line_without_a_path(store: Path, content: bytes, name: str) -> None:
    answer = send(store, content, name)

    assert answer.status_code == 422
    said = answer.get_json()["error"]
    assert "\n" not in said and str(store.parent) not in said
    assert stored(store) == []


# In a browser


def test_the_list_the_page_and_the_comparison_of_traces(browser: Browser, folder: Path, watch: Watch) -> None:
    with ConsoleServer(ConsoleConfig(logs=folder, port=0)) as server:
        page = watch.on(browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark"))
        page.goto(server.url())
        line = page.locator("tr[data-log='calm.csv']")
        expect(line.locator("[data-field='laps']")).to_have_text("4")
        expect(line.locator(".thumbnail")).to_have_text("no picture")
        expect(page.locator("tr[data-log='broken.csv'] .alarm")).to_have_text("damaged")
        expect(page.locator("tr[data-log^='car-'] .thumbnail img")).to_be_visible()
        expect(page.locator("tr[data-log='EvaluationMetrics.json'] [data-field='best']")).to_have_text(
            "12.50 s"
        )
        assert (too_wide(page), too_faint(page)) == (0, [])

        line.locator(".model a").click()
        expect(page.locator("#stage-note")).to_have_text("No picture: this run holds none.")
        for gone in (".heat-bar", "#to-bench", "#legend"):
            expect(page.locator(gone)).to_be_hidden()
        expect(page.locator("#map")).to_be_visible()
        expect(page.locator("#charts .chart-plot")).to_have_count(3)
        expect(page.locator("#events")).to_contain_text("Lap 4: ")
        page.keyboard.press("End")
        expect(page.locator("#clock")).not_to_have_text("0:00.000")
        expect(page.locator("#state-value")).to_have_text("lap_complete")
        page.keyboard.press("g")
        expect(page.locator("#stage-note")).to_have_text("No picture: this run holds none.")
        page.keyboard.press("t")
        expect(page.locator("#lap-rows tr")).to_have_count(4)
        page.locator("#laps-close").click()
        page.locator("#show-export").click()
        expect(page.locator("[data-kind='csv']")).to_be_visible()
        expect(page.locator("[data-kind='mp4']")).to_be_hidden()
        page.locator("#export-close").click()
        assert too_faint(page) == []

        open_log(page, server, "broken")
        expect(page.locator("#notice")).to_contain_text(f"broken.csv, line 250: column 'Y' holds '{MARKUP}'")
        page.goto(server.url("/log/EvaluationMetrics.json"))
        expect(page.locator("#notice")).to_contain_text("3 laps (12.50 s, 13.00 s, 14.00 s) and no frames")

        page.goto(server.url())
        shutil.copy(folder / "calm.csv", folder / ".late.csv")
        (folder / ".late.csv").rename(folder / "late.csv")
        expect(page.locator("tr[data-log='late.csv'] [data-field='laps']")).to_have_text("4")
        (folder / "late.csv").unlink()
        expect(page.locator("tr[data-log='late.csv']")).to_have_count(0)
        for name in ("calm", "restless"):
            page.locator(f"tr[data-log='{name}.csv'] .chosen").check()
        page.locator("#compare").click()
        expect(page.locator("#verdict")).to_contain_text("is better than")
        expect(page.locator("#note-a")).to_have_text("No picture: this run holds none.")
        expect(page.locator("#policy-a")).to_be_hidden()
        page.keyboard.press("Shift+ArrowRight")
        expect(page.locator("#at")).to_have_text("5.0 %")
        expect(page.locator("#where-a")).to_have_text(re.compile(r"frame \d+ of \d+"))
        assert too_wide(page) == 0
        page.close()
    assert watch.problems == []
