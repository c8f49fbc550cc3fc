"""The service's files: no root, everything they name exists, and the scripts do what they say."""

from __future__ import annotations

import configparser
import os
import subprocess
from pathlib import Path

import pytest

from car.calibration import default_calibration
from car.node_graph import arguments_of
from car.priority import DRIVE_LEVEL, GUARD_LEVEL
from car.pwm import Pwm, SysfsPwm, make_fake_sysfs, read_sysfs_pwm

SYSTEM = Path(__file__).parents[2] / "car" / "system"
INSTALLED = "/opt/sim2race"


def _service() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SYSTEM / "sim2race.service")
    return parser


def _start(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run start-car with a `ros2` that only prints what it is told."""
    fake = folder / "bin"
    fake.mkdir()
    (fake / "ros2").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    (fake / "ros2").chmod(0o755)
    setup = folder / "setup.sh"
    setup.write_text(f'test -z "$NOT_SET_ANYWHERE"\nPATH="{fake}:$PATH"\n')
    return subprocess.run(
        [SYSTEM / "start-car"],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "ROS_SETUP": str(setup), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _choose(folder: Path) -> Path:
    models = folder / ".sim2race" / "models"
    models.mkdir(parents=True)
    (models / "fast.onnx").write_bytes(b"policy")
    (models / "current").write_text("fast\n")
    return models / "fast.onnx"


def test_the_service_does_not_run_as_root() -> None:
    service = _service()["Service"]
    assert service["User"] == service["Group"] == "sim2race"
    assert service["NoNewPrivileges"] == "yes"
    users = (SYSTEM / "sim2race.sysusers").read_text()
    assert "u sim2race - " in users
    assert 'GROUP="sim2race"' in (SYSTEM / "60-sim2race.rules").read_text()


def test_what_the_service_starts_exists_and_can_be_executed() -> None:
    for key in ("ExecStart", "ExecStopPost"):
        path = Path(_service()["Service"][key].replace(INSTALLED, str(SYSTEM.parents[1])))
        assert os.access(path, os.X_OK), path


def test_the_start_tells_the_graph_only_what_it_knows(tmp_path: Path) -> None:
    policy = _choose(tmp_path)
    done = _start(tmp_path, PWM="/sys/class/pwm@i2c-1", FPS="60")
    assert done.returncode == 0, done.stderr
    verb, launch_file, *told = done.stdout.splitlines()
    assert verb == "launch"
    assert Path(launch_file).exists()
    given = dict(argument.split(":=", 1) for argument in told)
    assert given["policy"] == str(policy)
    assert given["pwm_root"] == "/sys/class/pwm@i2c-1"
    assert given["fps"] == "60"
    assert set(given) <= {argument.name for argument in arguments_of("car")}


def test_the_examples_settings_reach_the_graph(tmp_path: Path) -> None:
    _choose(tmp_path)
    lines = (SYSTEM / "car.env").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    example |= {"MODE": "manual", "MAPPING": "community", "LOGGING": "false"}
    for name in ("ROS_SETUP", "MODELS", "CALIBRATION"):
        del example[name]
    done = _start(tmp_path, **example)
    assert done.returncode == 0, done.stderr
    given = dict(argument.split(":=", 1) for argument in done.stdout.splitlines()[2:])
    types = {argument.name: type(argument.default) for argument in arguments_of("car")}
    assert given["pwm_root"] == "/sys/class/pwm@i2c-0+gpio514"
    assert (given["mode"], given["mapping"], given["logging"]) == ("manual", "community", "false")
    for name in ("fps", "speed_limit_mps", "max_speed_percent", "battery_min_percent"):
        assert types[name] is float
        assert float(given[name]) > 0.0


def test_the_service_may_go_ahead_of_everything_else() -> None:
    service = _service()["Service"]
    assert int(service["LimitRTPRIO"]) >= GUARD_LEVEL > DRIVE_LEVEL
    assert service["LimitMEMLOCK"] == "infinity"
    assert "RestrictRealtime" not in service


def test_the_services_files_come_with_the_package() -> None:
    text = (SYSTEM.parents[1] / "pyproject.toml").read_text()
    assert 'car = ["policies/*", "system/*"]' in text
    assert all(path.is_file() for path in SYSTEM.iterdir())


def test_a_calibration_that_is_not_there_yet_is_left_out(tmp_path: Path) -> None:
    _choose(tmp_path)
    done = _start(tmp_path, CALIBRATION=str(tmp_path / "none.json"))
    assert "calibration:=\n" in done.stdout


@pytest.mark.parametrize("chosen", [False, True])
def test_without_a_model_the_start_says_what_to_do(chosen: bool, tmp_path: Path) -> None:
    if chosen:
        _choose(tmp_path).unlink()
    done = _start(tmp_path)
    assert done.returncode == 2
    assert "sim2race models choose NAME" in done.stderr
    assert done.stdout == ""


def test_the_stop_writes_neutral(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path)
    SysfsPwm(chip).write(Pwm(1_700_000, 1_311_000))
    environment = {"PATH": os.environ["PATH"], "PWM": str(chip), "CALIBRATION": str(tmp_path / "none.json")}
    subprocess.run([SYSTEM / "stop-car"], env=environment, check=True, capture_output=True)
    assert read_sysfs_pwm(chip) == default_calibration().neutral


def test_every_setting_of_the_example_is_read_by_a_script() -> None:
    scripts = (SYSTEM / "start-car").read_text() + (SYSTEM / "stop-car").read_text()
    lines = (SYSTEM / "car.env").read_text().splitlines()
    settings = [line.split("=")[0] for line in lines if line and not line.startswith("#")]
    assert len(settings) == 13
    for setting in settings:
        assert f"${{{setting}" in scripts or f'"${setting}' in scripts, setting
