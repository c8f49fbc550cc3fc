"""One table says which part of a car is ready, which is not, and why."""

from __future__ import annotations

import math

import pytest

from car.clock import HeldClock
from car.node_graph import CAMERA_NODE, DRIVE, INFERENCE, LOG, SIM_CAR, STATUS
from car.readiness import CarState, Level, PartStatus, Readiness

EVERYBODY = {node.full_name for node in (CAMERA_NODE, INFERENCE, DRIVE, LOG, STATUS)}


class _Car:
    """A readiness, and a car that reports to it at 30 frames per second."""

    def __init__(self) -> None:
        self.clock = HeldClock()
        self.readiness = Readiness(self.clock)
        self.readiness.on_present(EVERYBODY)
        self.frames = 0

    def report(self, *, inference: str = "acting", drive: str = "ready", reason: str = "") -> None:
        self.frames += 1
        self.readiness.on_inference(
            frames_in=self.frames, dropped=2, inference_ms=3.21, state=inference, reason=reason
        )
        self.readiness.on_drive(state=drive, reason="not armed")
        self.clock.advance(1 / 30)

    def run(self, frames: int = 30) -> None:
        for _ in range(frames):
            self.report()

    def row(self, part: str) -> PartStatus:
        (found,) = (row for row in self.readiness.table() if row.part == part)
        return found


def test_nobody_is_there_at_first_and_only_what_drives_is_missed() -> None:
    readiness = Readiness(HeldClock())
    levels = {row.part: row.level for row in readiness.table()}
    assert levels == {
        "camera": Level.ERROR,
        "inference": Level.ERROR,
        "drive": Level.ERROR,
        "log": Level.WARN,
        "status": Level.WARN,
    }
    assert readiness.summary == "camera: not there; inference: not there; drive: not there"
    assert not readiness.is_ready


def test_a_car_whose_frames_flow_is_ready() -> None:
    car = _Car()
    car.run()
    car.readiness.on_log("logs/racer", "")
    assert car.readiness.is_ready
    assert car.readiness.summary == "ready"
    assert {row.level for row in car.readiness.table()} == {Level.OK}
    assert car.row("camera").facts == {"fps": "30.0"}
    assert car.row("inference").facts == {"ms": "3.2", "frames": "30", "dropped": "2"}
    assert car.row("drive").reason == "ready: not armed"
    assert car.row("log").facts == {"log": "logs/racer"}


@pytest.mark.parametrize("camera", [SIM_CAR, CAMERA_NODE])
def test_whoever_sends_frames_is_the_camera(camera: object) -> None:
    car = _Car()
    assert camera in (SIM_CAR, CAMERA_NODE)
    car.readiness.on_present(EVERYBODY - {CAMERA_NODE.full_name} | {getattr(camera, "full_name", "")})
    car.run()
    assert car.readiness.is_ready


def test_frames_that_cease_are_the_cameras_fault_and_make_the_drive_say_so() -> None:
    car = _Car()
    car.run()
    car.clock.advance(0.6)
    assert (car.row("camera").level, car.row("camera").reason) == (Level.ERROR, "no frames come")
    assert not car.readiness.is_ready


def test_a_node_that_is_listed_but_silent_is_not_ready() -> None:
    car = _Car()
    car.run()
    car.clock.advance(3.0)
    assert car.row("inference").reason == car.row("drive").reason == "there, but silent"
    assert car.row("camera").level is Level.WARN


def test_what_a_policy_refuses_is_said_in_its_words() -> None:
    car = _Car()
    car.report(inference="refusing", reason="the picture is frozen")
    assert (car.row("inference").level, car.row("inference").reason) == (
        Level.ERROR,
        "refusing: the picture is frozen",
    )
    car.report(reason="bad.onnx is no policy")
    assert (car.row("inference").level, car.row("inference").reason) == (Level.WARN, "bad.onnx is no policy")


@pytest.mark.parametrize(
    ("state", "is_ready"),
    [("disarmed", False), ("ready", True), ("armed", True), ("driving", True), ("stopped", False)],
)
def test_a_drive_that_must_not_be_armed_is_not_ready(state: str, is_ready: bool) -> None:
    car = _Car()
    car.report(drive=state)
    assert car.readiness.is_ready is is_ready


def test_what_the_car_does_who_drives_and_its_battery_stand_in_one_place() -> None:
    car = _Car()
    assert car.readiness.car == CarState("unknown", "the drive is not heard", "unknown", None)
    car.readiness.on_mode("manual")
    car.readiness.on_battery(63.4)
    car.readiness.on_drive(state="stopped", reason="the camera is gone")
    assert car.readiness.car == CarState("stopped", "the camera is gone", "manual", 63.4)
    assert car.row("drive").facts == {"mode": "manual", "battery": "63 %"}
    car.readiness.on_drive(state="driving", reason="")
    assert (car.readiness.car.state, car.readiness.car.reason) == ("driving", "")


def test_what_is_no_longer_heard_is_not_shown_as_if_it_were() -> None:
    car = _Car()
    car.readiness.on_mode("autonomous")
    car.readiness.on_battery(50.0)
    car.report(drive="driving")
    car.clock.advance(3.0)
    assert car.readiness.car == CarState("unknown", "the drive is not heard", "unknown", 50.0)
    car.clock.advance(20.0)
    assert car.readiness.car.battery == "unknown"
    car.readiness.on_battery(50.0)
    car.readiness.on_battery(math.nan)
    assert car.readiness.car.battery_percent is None


def test_a_log_or_a_hot_computer_are_warnings_only() -> None:
    car = _Car()
    car.run()
    car.readiness.on_log("", "No space left on device")
    car.readiness.on_health(temperature_c=85.0, disk_free_percent=50.0)
    assert (car.row("log").level, car.row("log").reason) == (Level.WARN, "No space left on device")
    assert car.row("status").reason == "the computer is hot"
    car.readiness.on_health(temperature_c=50.0, disk_free_percent=1.0)
    assert car.row("status").reason == "the disk is nearly full"
    assert car.readiness.is_ready


def test_an_inference_that_starts_again_counts_from_the_beginning() -> None:
    car = _Car()
    car.run()
    car.frames = 0
    car.run(10)
    assert car.row("camera").facts == {"fps": "30.0"}
