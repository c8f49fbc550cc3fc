"""The whole graph in its own processes: it drives, and however it ends, neutral is left and nobody else."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from car.action_space import Command
from car.calibration import default_calibration
from car.errors import Sim2RaceError
from car.log_end import ended_in_order
from car.log_reader import read_log
from car.policy import Policy
from car.process_group import ProcessGroup
from car.pwm import MOTOR_CHANNEL, STEERING_CHANNEL
from car.replay import agreement
from sim2race_car.drive_command import DriveConfig, drive, graph_arguments
from sim2race_car.drive_config import check_config
from tests.car.logs import write_synthetic_log
from tests.car.policies import make_metadata, save_policy

NEUTRAL = default_calibration().neutral
START_DEADLINE_S = 90.0
"""A first start compiles the simulator."""


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("ROS_DOMAIN_ID", raising=False)
    return save_policy(tmp_path / "policy.onnx")


def wait_until(is_done: Callable[[], object], deadline_s: float) -> float:
    """Wait, and return how long it took."""
    started_s = time.monotonic()
    while not is_done():
        assert time.monotonic() - started_s < deadline_s, f"not within {deadline_s} s"
        time.sleep(0.002)
    return time.monotonic() - started_s


@pytest.fixture
def started() -> Callable[[], list[psutil.Process]]:
    """Return a function that lists the processes started since, and theirs.

    Other tests keep a browser's driver, whose browser starts and ends processes as it likes.
    """
    before = set(psutil.Process().children())

    def since() -> list[psutil.Process]:
        new = [child for child in psutil.Process().children() if child not in before]
        return [process for child in new for process in (child, *child.children(recursive=True))]

    return since


class Run:
    """`sim2race drive` in a process of its own, driving; its pulses stay readable when its folder is gone."""

    def __init__(self, policy: Path) -> None:
        folder = policy.parent
        self.output = folder / "output.txt"
        command = [sys.executable, "-m", "sim2race", "drive", "--policy", str(policy), "--laps", "0"]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--logs", str(folder / "logs"), "--noise", "none"],
                env=os.environ | {"TMPDIR": str(folder), "COLUMNS": "200"},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._folder = folder
        self._pulses: list[int] = []
        self.children: list[psutil.Process] = []

    def wait_until_it_drives(self) -> None:
        """Wait until the car moves, and remember who takes part."""
        wait_until(self._can_read_pulses, START_DEADLINE_S)
        wait_until(lambda: self.motor_ns() not in (0, NEUTRAL.motor_ns), START_DEADLINE_S)
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def _can_read_pulses(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        paths = [
            path
            for channel in (MOTOR_CHANNEL, STEERING_CHANNEL)
            for path in self._folder.glob(f"sim2race-drive-*/pwm/pwmchip0/pwm{channel}/duty_cycle")
        ]
        if len(paths) < 2 or not all(path.read_text() for path in paths):
            return False
        self._pulses = [os.open(path, os.O_RDONLY) for path in paths]
        return True

    def motor_ns(self) -> int:
        """Return the pulse that the motor obeys."""
        return int(os.pread(self._pulses[0], 32, 0).split(b"\n")[0])

    def is_neutral(self) -> bool:
        """Say whether both pulses are neutral."""
        steering_ns = int(os.pread(self._pulses[1], 32, 0).split(b"\n")[0])
        return (self.motor_ns(), steering_ns) == (NEUTRAL.motor_ns, NEUTRAL.steering_ns)

    def child(self, module: str) -> psutil.Process:
        """Return the process of a node."""
        (found,) = (child for child in self.children if module in child.cmdline())
        return found

    def everybody_has_gone(self) -> bool:
        """Say whether no process of the run is left."""
        return not any(child.is_running() and child.status() != "zombie" for child in self.children)

    def close(self) -> None:
        """End what is left, whatever the test did."""
        self.process.terminate()
        self.process.wait(30.0)
        psutil.wait_procs(self.children, timeout=10.0)
        for descriptor in self._pulses:
            os.close(descriptor)


@pytest.fixture
def run(policy: Path) -> Iterator[Run]:
    made = Run(policy)
    try:
        made.wait_until_it_drives()
        yield made
    finally:
        made.close()


def test_a_drive_is_counted_logged_and_leaves_neutral_and_nobody_behind(
    policy: Path, started: Callable[[], list[psutil.Process]]
) -> None:
    logs = policy.parent / "logs"
    summary = drive(DriveConfig(policy, laps=0, duration_s=3.0, noise="none", logs=logs))
    assert summary.succeeded
    assert summary.ended == "3 s are over"
    assert summary.last_pwm_is_neutral
    assert summary.frames_acted > 30
    assert summary.frames_published >= summary.frames_acted - 1
    assert summary.latency is not None
    assert 0.5 < summary.latency.p50_ms <= summary.latency.p99_ms <= summary.latency.max_ms
    assert started() == []
    assert "ROS_DOMAIN_ID" not in os.environ

    assert summary.log is not None
    log = read_log(summary.log)
    assert log.damage is None
    driven = log.frames.written_ns > 0
    assert driven.sum() >= summary.frames_acted
    assert (log.frames.inferred_ns[driven] <= log.frames.written_ns[driven]).all()
    assert (log.frames.inferred_ns[driven] > log.frames.stamp_ns[driven]).all()
    assert (log.frames.true_speed_mps[driven] > 0.05).any()
    assert (log.events[-1].kind, log.events[-1].text) == ("end", "3 s are over")
    assert "disarmed on request" in {event.text for event in log.events}
    assert ended_in_order(log.run)


def test_ctrl_c_leaves_neutral_and_nobody_behind(run: Run) -> None:
    run.process.send_signal(signal.SIGINT)
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(30.0) == 130
    assert run.is_neutral()
    assert run.everybody_has_gone()
    assert "interrupted" in run.output.read_text()
    assert list(run.output.parent.glob("sim2race-drive-*")) == []


def test_a_killed_inference_stops_the_car_at_once_and_is_named(run: Run) -> None:
    run.child("sim2race_car.inference_node").kill()
    wait_until(run.is_neutral, 5.0)
    assert run.process.wait(30.0) == 1
    assert "inference_node was ended by SIGKILL" in run.output.read_text()
    assert run.is_neutral()
    assert run.everybody_has_gone()


def test_a_killed_drive_node_leaves_neutral(run: Run) -> None:
    run.child("sim2race_car.drive_node").kill()
    wait_until(run.is_neutral, 5.0)
    assert run.process.wait(30.0) == 1
    assert run.everybody_has_gone()


def test_the_nodes_of_a_killed_command_stop_the_car_and_end(run: Run) -> None:
    run.process.kill()
    wait_until(run.is_neutral, 5.0)
    wait_until(run.everybody_has_gone, 15.0)
    assert run.is_neutral()


def test_a_log_is_replayed_through_the_same_nodes_and_decided_alike(
    policy: Path, started: Callable[[], list[psutil.Process]]
) -> None:
    # Slow frames: few are lost on a busy machine. How many is a matter of speed, which the bench measures.
    log = write_synthetic_log(policy.parent, frames=60, policy=policy, rate_hz=15.0)
    summary = drive(DriveConfig(replay=log, logs=policy.parent / "logs"))
    assert (summary.ended, summary.succeeded) == ("the log is over", True)
    assert summary.last_pwm_is_neutral
    assert started() == []
    assert summary.log is not None
    replayed = read_log(summary.log)
    assert replayed.policy_path is not None
    assert replayed.run["end"]["reason"] == "the log is over"
    found = agreement(read_log(log), replayed)
    assert found.frames >= 20
    assert found.same == found.frames
    driven = replayed.frames.written_ns > 0
    assert driven.any()
    command = replayed.frames.steering_rad[driven][0], replayed.frames.speed_mps[driven][0]
    pwm = replayed.frames.steering_pwm_ns[driven][0], replayed.frames.motor_pwm_ns[driven][0]
    expected = default_calibration().pwm(Command(*map(float, command)))
    assert pwm == (expected.steering_ns, expected.motor_ns)


def test_a_replay_without_a_policy_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match=r"the log .* has none; expected --policy FILE"):
        drive(DriveConfig(replay=write_synthetic_log(tmp_path, frames=3)))


def test_what_a_node_refuses_is_said_in_its_own_words(
    policy: Path, started: Callable[[], list[psutil.Process]]
) -> None:
    with pytest.raises(Sim2RaceError, match="Did you mean 'pi-wide'"):
        drive(DriveConfig(policy, camera="pi-wid", logs=policy.parent / "logs"))
    assert started() == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"fps": -3.0}, "--fps is -3; expected frames per second above 0."),
        ({"fps": float("inf")}, "--fps is inf; expected frames per second above 0."),
        ({"laps": -1}, "--laps is -1; expected 0 (as many as the time allows) or more."),
        ({"seed": -1}, "--seed is -1; expected 0 or more."),
        ({"duration_s": -5.0}, "--duration-s is -5; expected seconds above 0."),
        ({"duration_s": float("nan")}, "--duration-s is nan; expected seconds above 0."),
        ({"redraw_every_s": -0.5}, "--redraw-every-s is -0.5; expected 0 or more seconds."),
        ({"direction": "left"}, "No direction is called 'left'. Valid: clockwise, counter-clockwise."),
        ({"track": "nosuch"}, "No track is called 'nosuch'."),
        ({"track": "forever-racway"}, "Did you mean 'forever-raceway'?"),
        ({"noise": "hihg"}, "Did you mean 'high'?"),
        ({"vehicle": "real-cat"}, "Did you mean 'real-car'?"),
    ],
)
def test_what_no_drive_can_be_made_of_is_refused_before_any_process(
    policy: Path, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any], words: str
) -> None:
    monkeypatch.setattr(ProcessGroup, "start", lambda *given: pytest.fail("a process was started"))
    logs = policy.parent / "logs"
    with pytest.raises(Sim2RaceError, match=re.escape(words)) as refused:
        drive(DriveConfig(policy, logs=logs, **wrong))
    assert "\n" not in str(refused.value)
    assert not logs.exists()


def test_names_of_a_simulated_car_do_not_count_for_a_replay(tmp_path: Path) -> None:
    check_config(DriveConfig(replay=tmp_path, track="nosuch", direction="left"))
    with pytest.raises(Sim2RaceError, match="--laps is -1"):
        check_config(DriveConfig(replay=tmp_path, laps=-1))


def test_the_simulated_car_looks_through_the_policys_camera_unless_another_is_named(tmp_path: Path) -> None:
    wide = Policy.load(save_policy(tmp_path / "wide.onnx", make_metadata(camera="deepracer-wide")))
    assert graph_arguments(DriveConfig(), wide, tmp_path)["sim_camera"] == "deepracer-wide"
    assert graph_arguments(DriveConfig(camera="pi-wide"), wide, tmp_path)["sim_camera"] == "pi-wide"


def test_a_missing_policy_starts_nothing(tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match="does not exist"):
        drive(DriveConfig(tmp_path / "none.onnx"))
