from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from car.action_space import Command
from car.calibration import Calibration, default_calibration
from car.errors import UnknownNameError
from car.pwm import SysfsPwm, make_fake_sysfs
from sim.sim_car import PHYSICS_RATE_HZ, SimulatedCar


@pytest.fixture
def wired(tmp_path: Path) -> tuple[SimulatedCar, SysfsPwm, Calibration]:
    root = tmp_path / "pwm"
    make_fake_sysfs(root)
    calibration = default_calibration()
    output = SysfsPwm(root)
    output.write(calibration.neutral)
    car = SimulatedCar("trapezoid-narrow", "counter-clockwise", "high", "real-car", 1, calibration, root)
    return car, output, calibration


def test_neutral_pulses_leave_it_standing(wired: tuple[SimulatedCar, SysfsPwm, Calibration]) -> None:
    car, _, _ = wired
    before = car.pose()
    car.advance(2.0)
    assert car.pose() == pytest.approx(before, abs=1e-6)
    assert car.track_position().status == "in_progress"
    assert car.track_position().lap_time_s == 0.0


def test_it_keeps_obeying_the_last_pulse(wired: tuple[SimulatedCar, SysfsPwm, Calibration]) -> None:
    car, output, calibration = wired
    output.write(calibration.pwm(Command(0.0, 1.0)))
    car.advance(1.5)
    assert car.track_position().speed_mps == pytest.approx(0.85, abs=0.1)
    output.write(calibration.neutral)
    car.advance(3.0)
    assert car.track_position().speed_mps < 0.05


def test_a_lap_is_counted_and_timed_and_the_next_begins(
    wired: tuple[SimulatedCar, SysfsPwm, Calibration],
) -> None:
    from sim.pilot import pursue

    car, output, calibration = wired
    for _ in range(700):
        steering_rad, speed_mps = pursue(car.simulator, 1.0)[0]
        output.write(calibration.pwm(Command(float(steering_rad), float(speed_mps))))
        car.advance(1 / 30)
        if car.track_position().laps:
            break
    position = car.track_position()
    assert position.laps == 1
    assert 10.0 < position.last_lap_time_s < 12.5
    # The line lies between two steps: what the last lap does not get of its step, the next one does.
    assert 0.0 < position.lap_time_s <= 1 / 30
    steps = (position.last_lap_time_s + position.lap_time_s) * PHYSICS_RATE_HZ
    assert steps == pytest.approx(round(steps), abs=1e-3)
    assert position.last_lap_time_s * PHYSICS_RATE_HZ % 1.0 == pytest.approx(0.5, abs=0.499)
    assert position.progress_percent < 2.0
    assert not position.off_track


def test_a_car_that_is_put_somewhere_has_the_progress_of_the_place_and_begins_its_lap_at_the_line(
    wired: tuple[SimulatedCar, SysfsPwm, Calibration],
) -> None:
    from sim.pilot import pursue

    car, output, calibration = wired
    route = car.simulator.route_of(0)
    car.set_pose(*route.pose_at(0.9 * route.length_m))
    assert car.track_position().progress_percent == pytest.approx(90.0, abs=0.5)
    before = 0.0
    for _ in range(200):
        before = car.track_position().progress_percent
        steering_rad, speed_mps = pursue(car.simulator, 1.0)[0]
        output.write(calibration.pwm(Command(float(steering_rad), float(speed_mps))))
        car.advance(1 / 30)
        if car.track_position().progress_percent < before:
            break
    position = car.track_position()
    assert (before, position.progress_percent) == pytest.approx((100.0, 0.0), abs=1.0)
    assert min(position.arc_length_m, route.length_m - position.arc_length_m) < 0.1
    assert position.laps == 0
    assert position.lap_time_s < 0.1
    car.set_pose(*route.pose_at(0.0))
    car.simulator.places["travelled_m"][0] = route.length_m
    car.advance(0.0)
    assert car.track_position().laps == 1


@pytest.mark.parametrize(
    "put_back",
    [SimulatedCar.reset, lambda car: car.set_pose(*car.simulator.route_of(0).pose_at(2.0))],
    ids=["start line", "somewhere"],
)
def test_leaving_the_track_is_reported_until_it_is_put_back(
    wired: tuple[SimulatedCar, SysfsPwm, Calibration], put_back: Callable[[SimulatedCar], None]
) -> None:
    car, output, calibration = wired
    output.write(calibration.pwm(Command(-0.3, 1.2)))
    car.advance(3.0)
    assert car.track_position().off_track
    output.write(calibration.neutral)
    put_back(car)
    car.advance(0.1)
    assert not car.track_position().off_track


def test_it_looks_through_the_camera_that_is_named(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path / "pwm")
    calibration = default_calibration()
    pictures = [
        SimulatedCar(
            "trapezoid-narrow", "counter-clockwise", "none", "ideal", 1, calibration, chip, camera=camera
        ).camera_jpeg()
        for camera in ("aws", "deepracer-wide")
    ]
    assert pictures[0] != pictures[1]
    with pytest.raises(UnknownNameError, match="Did you mean 'pi-wide'"):
        SimulatedCar(
            "trapezoid-narrow", "counter-clockwise", "none", "ideal", 1, calibration, chip, camera="piwide"
        )


def test_surroundings_are_redrawn_on_a_schedule_and_the_car_is_drawn_at_a_reset(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path / "pwm")
    calibration = default_calibration()
    SysfsPwm(chip).write(calibration.neutral)
    car = SimulatedCar(
        "trapezoid-narrow",
        "counter-clockwise",
        "high",
        "real-car",
        1,
        calibration,
        chip,
        vary_vehicle=True,
        redraw_every_s=0.5,
    )
    eyes = car.simulator.eyes
    palette, parameters = eyes.scene(0).palette, car.simulator.inner_state(0)["parameters"]
    car.reset()
    car.advance(0.4)
    assert (eyes.scene(0).palette == palette).all()
    assert car.simulator.inner_state(0)["parameters"] != parameters
    car.advance(0.2)
    assert (eyes.scene(0).palette != palette).any()


def test_the_camera_yields_jpegs_in_colour(wired: tuple[SimulatedCar, SysfsPwm, Calibration]) -> None:
    car, _, _ = wired
    decoded = cv2.imdecode(np.frombuffer(car.camera_jpeg(), np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (120, 160, 3)
    assert np.ptp(decoded[..., 0].astype(int) - decoded[..., 2]) > 20
