from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient

from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from car.errors import Sim2RaceError
from tests.car.logs import write_synthetic_log
from tests.car.policies import save_policy

FRAMES = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two logs: one with its policy, one without."""
    root = tmp_path_factory.mktemp("console")
    policy = save_policy(root / "policy.onnx")
    write_synthetic_log(root / "logs", frames=FRAMES, policy=policy, name="with")
    write_synthetic_log(root / "logs", frames=10, name="without")
    (root / "secret.jpg").write_bytes(b"secret")
    return root / "logs"


@pytest.fixture(scope="module")
def client(folder: Path) -> FlaskClient:
    return create_app(ConsoleConfig(logs=folder)).test_client()


def log_id(client: FlaskClient, name: str) -> str:
    logs = client.get("/api/logs").get_json()["logs"]
    return next(str(log["id"]) for log in logs if log["name"].startswith(f"{name}-"))


def test_the_list_names_every_log_and_links_to_it(client: FlaskClient) -> None:
    page = client.get("/").get_data(as_text=True)

    for name in ("with", "without"):
        assert f'href="/log/{log_id(client, name)}"' in page


def test_a_card_holds_the_line_of_the_list(client: FlaskClient) -> None:
    card = client.get(f"/api/log/{log_id(client, 'with')}/card").get_json()

    assert card["frames"] == FRAMES
    assert card["track"] == "oval"
    assert card["latency_p50_ms"] == pytest.approx(15.0)


def test_a_frame_is_sent_byte_for_byte_as_it_was_logged(client: FlaskClient) -> None:
    answer = client.get(f"/api/log/{log_id(client, 'with')}/frame/3.jpg")

    assert answer.mimetype == "image/jpeg"
    picture = cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None and picture.shape == (120, 160, 3)


def test_a_heat_map_is_a_transparent_picture_that_says_how_strong_it_is(client: FlaskClient) -> None:
    answer = client.get(f"/api/log/{log_id(client, 'with')}/heatmap/3.png")

    picture = cv2.imdecode(np.frombuffer(answer.data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None and picture.shape == (120, 160, 4)
    assert picture[..., 3].min() < 20 < picture[..., 3].max()
    assert answer.headers["Heatmap-Strength"] == "normal"
    assert float(answer.headers["Heatmap-Peak"]) > 0.0


def test_method_and_action_choose_another_heat_map(client: FlaskClient) -> None:
    address = f"/api/log/{log_id(client, 'with')}/heatmap/3.png"

    pictures = [
        client.get(address + query).data
        for query in ("", "?method=gradcam", "?action=0", "?action=8", "?method=hirescam&action=executed")
    ]

    assert pictures[0] == pictures[4]
    assert len(set(pictures)) == 4


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("?method=hirescan", 422, "hirescam"),
        ("?method=" + "x" * 5000, 422, "hirescam"),
        ("?action=99", 422, "actions 0 to 8"),
        ("?action=-1", 400, "executed"),
        ("?action=1e3", 400, "executed"),
        ("?action=%D9%A3", 400, "executed"),
    ],
)
def test_a_wrong_method_or_action_is_refused_in_one_line_with_what_is_right(
    client: FlaskClient, query: str, status: int, says: str
) -> None:
    answer = client.get(f"/api/log/{log_id(client, 'with')}/heatmap/3.png{query}")

    assert answer.status_code == status
    assert says in answer.get_json()["error"]
    assert "\n" not in answer.get_json()["error"]


def test_a_log_without_its_policy_says_why_there_is_no_heat_map(client: FlaskClient) -> None:
    answer = client.get(f"/api/log/{log_id(client, 'without')}/heatmap").get_json()

    assert answer["available"] is False
    assert "no policy.onnx" in answer["reason"]


def test_a_foreign_policy_says_why_there_is_no_heat_map_and_the_frames_are_shown(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(next(folder.glob("with-*")), tmp_path / "logs" / "foreign")
    (tmp_path / "logs" / "foreign" / "policy.onnx").write_bytes(b"not a network")
    client = create_app(ConsoleConfig(logs=tmp_path / "logs")).test_client()

    answer = client.get("/api/log/foreign/heatmap").get_json()

    assert answer["available"] is False and "refused" in answer["reason"]
    assert client.get("/api/log/foreign/frame/0.jpg").status_code == 200


@pytest.mark.parametrize(
    "identifier",
    [
        "nothing",
        "..",
        "../secret.jpg",
        "%2e%2e%2fsecret.jpg",
        "..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "..%5c..%5csecret",
        "with",
        "with-20260102-030405%00",
        "with-20260102-030405/../without-20260102-030405",
        "x" * 5000,
        "%ff%fe",
        "<script>alert(1)</script>",
    ],
)
@pytest.mark.parametrize("address", ["/log/{}", "/api/log/{}", "/api/log/{}/frame/0.jpg", "/api/log/{}/card"])
def test_what_is_no_id_of_a_log_is_not_found(client: FlaskClient, identifier: str, address: str) -> None:
    answer = client.get(address.format(identifier))

    assert answer.status_code == 404
    assert b"secret" not in answer.data
    assert b"<script>alert" not in answer.data


@pytest.mark.parametrize("index", [str(FRAMES), "-1", "1.5", "abc", "9" * 400, "0x1", "%2e%2e"])
def test_what_is_no_frame_of_a_log_is_not_found(client: FlaskClient, index: str) -> None:
    identifier = log_id(client, "with")

    assert client.get(f"/api/log/{identifier}/frame/{index}.jpg").status_code == 404
    assert client.get(f"/api/log/{identifier}/heatmap/{index}.png").status_code == 404


def test_every_answer_forbids_scripts_and_sources_from_elsewhere(client: FlaskClient) -> None:
    for address in ("/", f"/log/{log_id(client, 'with')}", "/api/logs", "/nothing", "/static/log.js"):
        headers = client.get(address).headers

        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self'" in policy
        assert "unsafe" not in policy and "http" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


def test_pages_hold_no_inline_script_style_or_address_from_elsewhere(client: FlaskClient) -> None:
    for address in ("/", f"/log/{log_id(client, 'with')}"):
        page = client.get(address).get_data(as_text=True)

        assert "<style" not in page and " style=" not in page and " onclick" not in page
        assert "//" not in page.replace("<!doctype html>", "")


def test_pictures_asked_for_with_the_logs_version_may_be_kept_for_good(client: FlaskClient) -> None:
    identifier = log_id(client, "with")
    version = client.get(f"/api/log/{identifier}").get_json()["version"]
    address = f"/api/log/{identifier}/frame/1.jpg"

    assert "immutable" in client.get(f"{address}?v={version}").headers["Cache-Control"]
    assert "no-cache" in client.get(f"{address}?v=old").headers["Cache-Control"]
    tag = client.get(address).headers["ETag"]
    again = client.get(address, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_a_log_that_grows_gets_a_new_version_and_its_new_frames(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    first = write_synthetic_log(tmp_path / "a", frames=10, name="run")
    longer = write_synthetic_log(tmp_path / "b", frames=20, name="run")
    shutil.copytree(first, logs / "run")
    client = create_app(ConsoleConfig(logs=logs)).test_client()
    before = client.get("/api/log/run/card").get_json()

    for file in longer.iterdir():
        shutil.copy(file, logs / "run" / file.name)
    after = client.get("/api/log/run/card").get_json()

    assert (before["frames"], after["frames"]) == (10, 20)
    assert before["version"] != after["version"]
    assert client.get("/api/log/run/frame/19.jpg").status_code == 200


def test_a_page_on_a_log_that_grows_keeps_showing_what_it_began_with(tmp_path: Path) -> None:
    log = write_synthetic_log(tmp_path, frames=10, name="run")
    client = create_app(ConsoleConfig(logs=tmp_path)).test_client()
    version = client.get(f"/api/log/{log.name}").get_json()["version"]
    (log / "run.json").write_text("{}")

    answer = client.get(f"/api/log/{log.name}/frame/1.jpg?v={version}")

    assert "immutable" in answer.headers["Cache-Control"]
    assert client.get(f"/api/log/{log.name}").get_json()["version"] != version


def test_a_log_cut_off_in_the_middle_opens_up_to_the_cut_and_says_so(tmp_path: Path) -> None:
    log = write_synthetic_log(tmp_path / "logs", frames=90, name="cut")
    (file,) = log.glob("*.mcap")
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])
    client = create_app(ConsoleConfig(logs=tmp_path / "logs")).test_client()

    document = client.get(f"/api/log/{log.name}").get_json()
    card = client.get(f"/api/log/{log.name}/card").get_json()

    assert document["damage"]
    assert 0 < card["frames"] < 90
    assert client.get(f"/api/log/{log.name}/frame/{card['frames'] - 1}.jpg").status_code == 200


def test_a_file_that_is_no_log_is_listed_with_the_reason_and_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "broken.mcap").write_bytes(b"<b>not a log</b>")
    client = create_app(ConsoleConfig(logs=tmp_path)).test_client()

    assert "broken" in client.get("/").get_data(as_text=True)
    answer = client.get(f"/api/log/{client.get('/api/logs').get_json()['logs'][0]['id']}/card")
    assert answer.status_code == 422
    assert "no MCAP" in answer.get_json()["error"]


def test_text_from_a_folder_is_escaped(tmp_path: Path) -> None:
    name = "<img src=x onerror=alert(1)>.mcap"
    (tmp_path / name).write_bytes(b"")
    client = create_app(ConsoleConfig(logs=tmp_path)).test_client()

    page = client.get("/").get_data(as_text=True)

    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    (log,) = client.get("/api/logs").get_json()["logs"]
    assert quote(log["id"], safe="") == log["id"]
    assert client.get(f"/log/{log['id']}").status_code == 200


def test_a_single_log_can_be_given_instead_of_a_folder(folder: Path) -> None:
    client = create_app(ConsoleConfig(logs=next(folder.glob("with-*")))).test_client()

    assert [log["name"].split("-")[0] for log in client.get("/api/logs").get_json()["logs"]] == ["with"]


def test_a_folder_that_does_not_exist_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match="There is no folder"):
        create_app(ConsoleConfig(logs=tmp_path / "nowhere"))


def test_an_empty_folder_says_how_to_fill_it(tmp_path: Path) -> None:
    page = create_app(ConsoleConfig(logs=tmp_path)).test_client().get("/").get_data(as_text=True)

    assert "sim2race drive" in page


def test_a_link_that_leads_out_of_the_folder_is_not_listed(tmp_path: Path) -> None:
    inside = write_synthetic_log(tmp_path / "logs", frames=3, name="inside")
    outside = write_synthetic_log(tmp_path / "elsewhere", frames=3, name="outside")
    (tmp_path / "logs" / "link").symlink_to(outside)
    client = create_app(ConsoleConfig(logs=tmp_path / "logs")).test_client()

    listed = client.get("/api/logs").get_json()

    assert [log["name"] for log in listed["logs"]] == [inside.name]
