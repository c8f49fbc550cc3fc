"""Logs from outside: taken in when they are logs, refused whole when they are anything else."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import time
import zipfile
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Route, expect
from werkzeug.test import TestResponse

from analysis.console import intake
from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from analysis.console.security import CSRF_HEADER
from analysis.console.server import ConsoleServer
from tests.analysis.console.pages import Watch
from tests.car.logs import write_synthetic_log
from tests.car.policies import save_policy


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("away")
    return write_synthetic_log(folder, frames=5, name="away", policy=save_policy(folder / "policy.onnx"))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    return tmp_path / "logs"


@pytest.fixture
def client(store: Path) -> FlaskClient:
    return create_app(ConsoleConfig(logs=store)).test_client()


def send(client: FlaskClient, content: bytes, name: str) -> TestResponse:
    token = {CSRF_HEADER: client.application.config["CHANGE_TOKEN"]}
    return client.post(
        "/api/upload",
        query_string={"name": name},
        data=content,
        headers=token,
        content_type="application/octet-stream",
    )


def zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def tarred(files: dict[str, bytes], *links: tarfile.TarInfo) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for link in links:
            archive.addfile(link)
    return packed.getvalue()


def files_of(log: Path, folder: str) -> dict[str, bytes]:
    return {f"{folder}/{file.name}": file.read_bytes() for file in log.iterdir()}


def mcap_of(log: Path) -> bytes:
    (file,) = log.glob("*.mcap")
    return file.read_bytes()


def kept(store: Path) -> list[str]:
    """Return what lies in the store and beside it, save the console's own files."""
    everything = [path.relative_to(store.parent) for path in store.parent.rglob("*")]
    return sorted(str(path) for path in everything if not path.name.startswith(".sim2race"))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_of_two_logs_becomes_two_logs_with_their_policies(
    client: FlaskClient, store: Path, log: Path, pack: object
) -> None:
    assert callable(pack)
    content = pack({**files_of(log, "a/fast one"), **files_of(log, "a/slow"), "a/readme.txt": b"hello"})

    answer = send(client, content, "evening.zip")

    assert answer.get_json()["names"] == ["fast-one", "slow"]
    listed = client.get("/api/logs").get_json()["logs"]
    assert {entry["name"] for entry in listed} == {"fast-one", "slow"}
    assert client.get("/api/log/slow/heatmap").get_json()["available"]
    assert client.get("/api/log/slow/frame/4.jpg").status_code == 200
    assert not list(store.rglob("readme.txt"))
    assert not list((store / intake.INCOMING).iterdir())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("race.mcap", "race"),
        ("../../etc/passwd.mcap", "passwd"),
        ("..\\..\\x<b>.mcap", "x-b"),
        ("a b.c.mcap", "a-b.c"),
    ],
)
def test_one_file_becomes_a_log_whatever_it_is_called(
    client: FlaskClient, store: Path, log: Path, name: str, expected: str
) -> None:
    answer = send(client, mcap_of(log), name)

    assert answer.get_json() == {"names": [expected]}
    assert (store / expected / "part-000.mcap").is_file()
    assert send(client, mcap_of(log), name).get_json() == {"names": [f"{expected}-2"]}


def link(kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo("log/part.mcap")
    member.type, member.linkname = kind, "/etc/passwd"
    return member


def zip_link() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        member = zipfile.ZipInfo("log/part.mcap")
        member.external_attr = 0o120777 << 16
        archive.writestr(member, "/etc/passwd")
    return packed.getvalue()


HOSTILE = {
    "empty": b"",
    "text": b"hello",
    "zip without a log": zipped({"a/readme.txt": b"x"}),
    "zip out": zipped({"../out.mcap": b"x"}),
    "zip absolute": zipped({"/tmp/out.mcap": b"x"}),
    "zip drive": zipped({"C:\\out.mcap": b"x"}),
    "zip link": zip_link(),
    "zip of garbage": zipped({"a/log.mcap": b"garbage" * 99}),
    "half a zip": zipped({"a/log.mcap": b"x" * 999})[:60],
    "tar out": tarred({"a/../../out.mcap": b"x"}),
    "tar symbolic link": tarred({}, link(tarfile.SYMTYPE)),
    "tar hard link": tarred({}, link(tarfile.LNKTYPE)),
    "tar device": tarred({}, link(tarfile.CHRTYPE)),
    "tar of garbage": tarred({"a/log.db3": b"garbage" * 99}),
    "half a gzip": tarred({"a/log.mcap": os.urandom(9999)})[:5000],
    "gzip of text": gzip.compress(b"hello"),
    "too many files": zipped({f"{i}.txt": b"" for i in range(1001)}),
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_log_is_refused_in_one_line_and_leaves_nothing(
    client: FlaskClient, store: Path, content: bytes
) -> None:
    before = kept(store)
    answer = send(client, content, "evil.mcap" if content == b"" else "evil.zip")

    assert answer.status_code == 422, answer.get_json()
    assert "\n" not in answer.get_json()["error"]
    assert [path for path in kept(store) if path != "logs/.incoming"] == before


def test_a_bomb_is_defused_by_what_really_comes_out(
    client: FlaskClient, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_UNPACKED_BYTES", 2**21)
    for content in (
        zipped({"a/log.mcap": bytes(2**22)}),
        zipped({f"a/{i}.mcap": bytes(2**20) for i in range(3)}),
        tarred({"a/log.mcap": bytes(2**22)}),
        zipped({"a/log.mcap": b"x", "a/run.json": bytes(2**20 + 1)}),
    ):
        answer = send(client, content, "bomb.zip")
        assert answer.status_code == 422 and "more than is allowed" in answer.get_json()["error"]
    assert not list((store / intake.INCOMING).iterdir())


def test_an_upload_beyond_the_limit_is_refused(
    client: FlaskClient, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MAX_UPLOAD_BYTES", 1000)
    assert send(client, bytes(1001), "large.mcap").status_code == 422
    assert not list((store / intake.INCOMING).iterdir())


def test_an_upload_needs_the_pages_token_and_a_folder(client: FlaskClient, store: Path, log: Path) -> None:
    plain = {"data": mcap_of(log), "query_string": {"name": "a.mcap"}}
    token = {CSRF_HEADER: client.application.config["CHANGE_TOKEN"]}
    form = "multipart/form-data"

    assert client.post("/api/upload", **plain, content_type="application/octet-stream").status_code == 403
    assert client.post("/api/upload", **plain, headers=token, content_type=form).status_code == 403
    assert client.post("/api/upload", json={}, headers=token).status_code == 400
    single = create_app(ConsoleConfig(logs=log)).test_client()
    assert send(single, mcap_of(log), "a.mcap").status_code == 409
    assert kept(store) == ["logs"]


def test_logs_come_and_go_while_the_others_are_still_being_read(
    browser: Browser, store: Path, log: Path, watch: Watch
) -> None:
    for name in ("first", "second", "third", "fourth"):
        shutil.copytree(log, store / name)
    read: list[str] = []
    held: list[Route] = []

    def hold(route: Route) -> None:
        read.append(route.request.url.split("/")[-2])
        if len(read) <= 2:
            held.append(route)
        else:
            route.continue_()

    with ConsoleServer(ConsoleConfig(logs=store, port=0)) as server:
        page = watch.on(browser.new_page(viewport={"width": 1440, "height": 900}))
        page.route("**/card", hold)
        page.goto(server.url())
        expect(page.locator("tbody tr")).to_have_count(4)
        order = [row.get_attribute("data-log") for row in page.locator("tbody tr").all()]
        shutil.copytree(log, store / "written")
        expect(page.locator("tr[data-log='written'] [data-field='frames']")).to_contain_text("5")
        shutil.rmtree(store / str(order[3]))
        expect(page.locator(f"tr[data-log='{order[3]}']")).to_have_count(0)
        for route in held:
            route.continue_()
        for identifier in order[:3]:
            expect(page.locator(f"tr[data-log='{identifier}'] [data-field='frames']")).to_contain_text("5")
        page.close()

    assert sorted(read) == sorted(["written", *map(str, order[:3])]), "each once, and none that is gone"
    assert watch.problems == []


def test_new_logs_appear_by_themselves_whether_written_or_brought_in(
    browser: Browser, store: Path, log: Path, tmp_path: Path, watch: Watch
) -> None:
    file = tmp_path / "brought <i>in.mcap"
    file.write_bytes(mcap_of(log))
    with ConsoleServer(ConsoleConfig(logs=store, port=0)) as server:
        page = watch.on(browser.new_page(viewport={"width": 1440, "height": 900}))
        page.goto(server.url())
        expect(page.locator("#none")).to_be_visible()
        shutil.copytree(log, store / "written")
        expect(page.locator("tr[data-log='written'] .model a")).to_have_text("written")
        page.locator("#upload").set_input_files(file)
        expect(page.locator("#arriving-text")).to_have_text("brought-i-in is here.")
        expect(page.locator("tr[data-log='brought-i-in'] [data-field='frames']")).to_contain_text("5")
        expect(page.locator("#shown-count")).to_have_text("2 runs")
        shutil.rmtree(store / "written")
        expect(page.locator("tr[data-log='written']")).to_have_count(0)
        page.locator("tr[data-log='brought-i-in'] .delete").click()
        expect(page.locator("#undo-text")).to_contain_text("in the bin")
        time.sleep(0.1)
        page.close()

    assert watch.problems == []
