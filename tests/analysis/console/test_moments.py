"""Frame and heat map in one answer."""

from __future__ import annotations

import json
from typing import Any

import cv2
import numpy as np
import pytest
from flask.testing import FlaskClient

from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from tests.car.logs import write_synthetic_log
from tests.car.policies import save_policy


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    root = tmp_path_factory.mktemp("moments")
    policy = save_policy(root / "policy.onnx")
    write_synthetic_log(root / "logs", frames=12, policy=policy, name="with")
    write_synthetic_log(root / "logs", frames=4, name="without")
    return create_app(ConsoleConfig(logs=root / "logs")).test_client()


def log_id(client: FlaskClient, name: str) -> str:
    logs = client.get("/api/logs").get_json()["logs"]
    return next(str(log["id"]) for log in logs if log["name"].startswith(f"{name}-"))


def unpack(answer: bytes) -> tuple[dict[str, Any], list[bytes]]:
    length = int.from_bytes(answer[:4], "little")
    head = json.loads(answer[4 : 4 + length])
    at, parts = 4 + length, []
    for size in head["parts"]:
        parts.append(answer[at : at + size])
        at += size
    return head, parts


def test_the_frame_and_the_map_are_those_that_are_sent_one_by_one(client: FlaskClient) -> None:
    base = f"/api/log/{log_id(client, 'with')}"
    legend = np.array(client.get(base).get_json()["legend"], np.uint8)

    head, (frame, levels) = unpack(client.get(f"{base}/moment/3?method=gradcam&action=2").data)

    alone = client.get(f"{base}/heatmap/3.png?method=gradcam&action=2")
    picture = cv2.imdecode(np.frombuffer(alone.data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert picture is not None
    shown = legend[np.frombuffer(levels, np.uint8).reshape(120, 160)].astype(int)
    assert frame == client.get(f"{base}/frame/3.jpg").data
    assert np.abs(shown[..., 3] - picture[..., 3].astype(int)).max() <= 6
    seen = picture[..., 3] > 40
    assert np.abs(shown[seen][:, 2::-1] - picture[seen][:, :3].astype(int)).max() <= 6
    assert head["map"]["strength"] == alone.headers["Heatmap-Strength"]


def test_one_part_alone_can_be_asked_for(client: FlaskClient) -> None:
    address = f"/api/log/{log_id(client, 'with')}/moment/0"

    head, parts = unpack(client.get(f"{address}?parts=map").data)

    assert [len(part) for part in parts] == [120 * 160]
    assert "frame" not in head
    assert client.get(f"{address}?parts=frame,secret").status_code == 400


def test_a_part_that_cannot_be_had_says_why_and_leaves_the_other(client: FlaskClient) -> None:
    base = f"/api/log/{log_id(client, 'without')}"
    version = client.get(base).get_json()["version"]

    answer = client.get(f"{base}/moment/0?v={version}")

    head, (frame, levels) = unpack(answer.data)
    assert "no policy.onnx" in head["map"]["error"]
    assert (len(frame) > 0, len(levels)) == (True, 0)
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_whole_moment_may_be_kept_for_good_and_is_not_made_twice(client: FlaskClient) -> None:
    base = f"/api/log/{log_id(client, 'with')}"
    address = f"{base}/moment/1?v={client.get(base).get_json()['version']}"

    answer = client.get(address)
    again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})

    assert "immutable" in answer.headers["Cache-Control"]
    assert (again.status_code, again.data) == (304, b"")
    other = client.get(f"{address}&action=1", headers={"If-None-Match": answer.headers["ETag"]})
    assert other.status_code == 200


@pytest.mark.parametrize(("end", "status"), [("12", 404), ("0?method=none", 422), ("0?action=-1", 400)])
def test_a_wrong_moment_is_refused(client: FlaskClient, end: str, status: int) -> None:
    assert client.get(f"/api/log/{log_id(client, 'with')}/moment/{end}").status_code == status
