from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from analysis.console.command import make_default_folder, run
from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from car.errors import Sim2RaceError, UnknownNameError
from tests.car.logs import write_synthetic_log


def test_the_console_looks_where_the_drive_writes() -> None:
    drive = Path("ros2_ws/src/sim2race_car/sim2race_car/drive_config.py")
    default = ConsoleConfig().logs.as_posix()

    assert f'logs: Path = Path("{default}")' in (Path(__file__).parents[3] / drive).read_text()


def test_before_the_first_drive_its_folder_is_made_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make_default_folder(ConsoleConfig(logs=Path("elsewhere")))
    make_default_folder(ConsoleConfig())
    assert [path.as_posix() for path in Path().rglob("*")] == ["runs", "runs/logs"]


def test_a_server_answers_while_it_runs_and_frees_its_port_afterwards(tmp_path: Path) -> None:
    with ConsoleServer(ConsoleConfig(logs=tmp_path, port=0)) as server:
        port = server.port
        with urllib.request.urlopen(server.url("/api/logs"), timeout=30) as answer:
            assert answer.status == 200

    with socket.create_server(("127.0.0.1", port)):
        pass


def test_a_port_that_is_taken_is_refused_in_one_line(tmp_path: Path) -> None:
    with (
        ConsoleServer(ConsoleConfig(logs=tmp_path, port=0)) as first,
        pytest.raises(Sim2RaceError, match="--port") as refusal,
    ):
        ConsoleServer(ConsoleConfig(logs=tmp_path, port=first.port))

    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("changes", [{"port": 99_999}, {"host": "203.0.113.7"}, {"host": "no such host"}])
def test_an_address_that_does_not_exist_is_refused_in_one_line(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(Sim2RaceError, match="Cannot listen"):
        ConsoleServer(ConsoleConfig(logs=tmp_path, **changes))  # type: ignore[arg-type]


def test_a_log_that_does_not_exist_names_the_nearest(tmp_path: Path) -> None:
    write_synthetic_log(tmp_path, frames=2, name="forever")

    with pytest.raises(UnknownNameError, match="Did you mean 'forever-20260102-030405'"):
        run(ConsoleConfig(logs=tmp_path, log="forevr-20260102-030405", port=0))


def test_the_command_says_where_the_log_is_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    log = write_synthetic_log(tmp_path, frames=2)
    program = (
        "from pathlib import Path; from analysis.console.command import make_default_folder, run; "
        "from analysis.console.config import ConsoleConfig; "
        f"raise SystemExit(run(ConsoleConfig(logs=Path({str(tmp_path)!r}), port=0, log={log.name!r})))"
    )
    process = subprocess.Popen([sys.executable, "-u", "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("1 car log in ")
    address = process.stdout.readline().split()[1]
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert log.name in answer.read().decode()
    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=30) == 0
    assert address.endswith(f"/log/{log.name}")
