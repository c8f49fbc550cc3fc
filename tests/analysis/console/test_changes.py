from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from analysis.console.security import CSRF_HEADER
from analysis.console.state import DATABASE, ConsoleState
from car.errors import Sim2RaceError
from tests.car.logs import write_synthetic_log

EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    write_synthetic_log(tmp_path / "logs", frames=5, name="run")
    return tmp_path / "logs"


@pytest.fixture
def client(logs: Path) -> FlaskClient:
    return create_app(ConsoleConfig(logs=logs)).test_client()


def log_id(client: FlaskClient) -> str:
    return str(client.get("/api/logs").get_json()["logs"][0]["id"])


def change(client: FlaskClient, address: str, content: Any = None) -> TestResponse:
    token = client.application.config["CHANGE_TOKEN"]
    return client.post(address, json={} if content is None else content, headers={CSRF_HEADER: token})


def test_tags_and_notes_are_kept_and_outlive_the_console(client: FlaskClient, logs: Path) -> None:
    log = log_id(client)

    answer = change(
        client, f"/api/log/{log}/remarks", {"tags": [" fast ", "wet  floor", "fast"], "note": EVIL}
    )

    assert answer.get_json() == {"tags": ["fast", "wet floor"], "note": EVIL}
    again = create_app(ConsoleConfig(logs=logs)).test_client()
    assert again.get(f"/api/log/{log}/card").get_json()["remarks"]["tags"] == ["fast", "wet floor"]
    assert EVIL not in again.get("/").get_data(as_text=True)


def test_bookmarks_are_listed_in_order_of_time_and_removed(client: FlaskClient) -> None:
    address = f"/api/log/{log_id(client)}/bookmarks"
    for time_s, text in ((3.5, "late"), (0.5, EVIL)):
        change(client, address, {"time_s": time_s, "text": text})

    first, second = client.get(address).get_json()["bookmarks"]
    left = change(client, f"{address}/{first['id']}/remove").get_json()["bookmarks"]

    assert (first["text"], second["time_s"]) == (EVIL, 3.5)
    assert left == [second]


def test_a_deleted_log_goes_to_the_bin_and_comes_back_whole(client: FlaskClient, logs: Path) -> None:
    log = log_id(client)
    before = client.get(f"/api/log/{log}/frame/1.jpg").data

    key = change(client, f"/api/log/{log}/delete").get_json()["key"]

    assert client.get("/api/logs").get_json()["logs"] == []
    assert client.get(f"/api/log/{log}").status_code == 404
    assert (logs / ".bin" / key / log).is_dir()
    assert change(client, f"/api/bin/{key}/restore").get_json()["name"] == log
    assert client.get(f"/api/log/{log}/frame/1.jpg").data == before
    assert change(client, f"/api/bin/{key}/restore").status_code == 422


def test_the_bin_lists_what_was_thrown_away_the_last_first_and_nothing_else(
    client: FlaskClient, logs: Path
) -> None:
    assert client.get("/api/bin").get_json() == {"logs": []}
    write_synthetic_log(logs, frames=5, name="other")
    names = [log["name"] for log in client.get("/api/logs").get_json()["logs"]]
    keys = [change(client, f"/api/log/{name}/delete").get_json()["key"] for name in names]
    for age, key in enumerate(keys):
        os.utime(logs / ".bin" / key, (1000.0 - age, 1000.0 - age))
    (logs / ".bin" / "notes").mkdir()
    (logs / ".bin" / ("a" * 16)).mkdir()
    again = create_app(ConsoleConfig(logs=logs)).test_client()

    listed = again.get("/api/bin").get_json()["logs"]
    change(again, f"/api/bin/{keys[0]}/restore")

    assert listed == [
        {"key": key, "name": name, "since_s": 1000.0 - age}
        for age, (key, name) in enumerate(zip(keys, names, strict=True))
    ]
    assert [one["key"] for one in again.get("/api/bin").get_json()["logs"]] == keys[1:]


def test_a_log_does_not_come_back_over_another_one(client: FlaskClient, logs: Path) -> None:
    log = log_id(client)
    key = change(client, f"/api/log/{log}/delete").get_json()["key"]
    shutil.copytree(logs / ".bin" / key / log, logs / log)

    answer = change(client, f"/api/bin/{key}/restore")

    assert answer.status_code == 422 and "again" in answer.get_json()["error"]
    assert (logs / ".bin" / key / log).is_dir()


@pytest.mark.parametrize("key", ["..", "%2e%2e", "a" * 16, "../../x", "%2fetc", "0" * 15])
def test_nothing_but_a_key_of_the_bin_is_put_back(client: FlaskClient, key: str) -> None:
    assert change(client, f"/api/bin/{key}/restore").status_code in (308, 404, 405, 422)


CHANGES = (
    "log/{}/remarks",
    "log/{}/bookmarks",
    "log/{}/bookmarks/1/remove",
    "log/{}/delete",
    "bin/0/restore",
)


@pytest.mark.parametrize("address", CHANGES)
def test_a_change_without_the_pages_token_or_not_by_post_is_refused(
    client: FlaskClient, address: str
) -> None:
    path = "/api/" + address.format(log_id(client))
    token = client.application.config["CHANGE_TOKEN"]

    assert client.post(path, json={}).status_code == 403
    assert client.post(path, json={}, headers={CSRF_HEADER: token[:-1]}).status_code == 403
    assert client.post(path, data={"a": "b"}, headers={CSRF_HEADER: token}).status_code == 403
    assert client.get(path).status_code in (200, 404, 405)
    assert client.get("/api/logs").get_json()["logs"] != []


def test_the_token_is_in_the_page_and_new_with_every_console(client: FlaskClient, logs: Path) -> None:
    token = client.application.config["CHANGE_TOKEN"]

    assert f'content="{token}"' in client.get("/").get_data(as_text=True)
    assert create_app(ConsoleConfig(logs=logs)).config["CHANGE_TOKEN"] != token


@pytest.mark.parametrize(
    ("address", "content"),
    [
        ("remarks", {"tags": "fast"}),
        ("remarks", {"tags": [1]}),
        ("remarks", {"tags": ["x" * 33]}),
        ("remarks", {"note": "x" * 4001}),
        ("remarks", {"note": None}),
        ("remarks", [1]),
        ("bookmarks", {"time_s": "1", "text": ""}),
        ("bookmarks", {"time_s": True, "text": ""}),
        ("bookmarks", {"time_s": 1e9, "text": ""}),
        ("bookmarks", {"time_s": -1, "text": ""}),
        ("bookmarks", {"time_s": 1}),
        ("bookmarks", {"time_s": 1, "text": "x" * 4001}),
    ],
)
def test_what_is_ill_formed_is_refused_and_nothing_is_kept(
    client: FlaskClient, address: str, content: Any
) -> None:
    log = log_id(client)

    assert change(client, f"/api/log/{log}/{address}", content).status_code in (400, 422)
    assert client.get(f"/api/log/{log}/bookmarks").get_json() == {"bookmarks": []}
    assert client.get(f"/api/log/{log}/card").get_json()["remarks"] == {"tags": [], "note": ""}


def test_a_log_that_is_not_there_cannot_be_changed(client: FlaskClient) -> None:
    for address in ("remarks", "bookmarks", "delete"):
        assert change(client, f"/api/log/nothing/{address}", {"time_s": 1, "text": ""}).status_code == 404


def test_a_console_on_one_log_does_not_delete_it(logs: Path) -> None:
    (log,) = (path for path in logs.iterdir() if path.is_dir())
    client = create_app(ConsoleConfig(logs=log)).test_client()

    assert change(client, f"/api/log/{log_id(client)}/delete").status_code == 409
    assert log.is_dir()


def test_where_nothing_can_be_written_remarks_last_while_the_console_runs(tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    state = ConsoleState(tmp_path)

    assert not state.lasting
    assert state.set_remarks("a", ["x"], "").tags == ("x",)


def test_a_log_takes_a_bounded_number_of_bookmarks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analysis.console.state.MAX_BOOKMARKS", 2)
    state = ConsoleState(tmp_path)
    for _ in range(2):
        state.add_bookmark("a", 0.0, "")

    with pytest.raises(Sim2RaceError, match="up to 2"):
        state.add_bookmark("a", 0.0, "")
