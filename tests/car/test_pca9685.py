"""PCA9685: the pulses that leave a chip modelled by its registers are those that were asked for."""

from __future__ import annotations

import pytest

from car.action_space import Command
from car.calibration import default_calibration
from car.clock import SystemClock
from car.drive import DriveController
from car.drive_report import DriveState
from car.errors import Sim2RaceError
from car.pca9685 import (
    AUTO_INCREMENT,
    EXTERNAL_CLOCK,
    MODE1,
    PRE_SCALE,
    SLEEP,
    Pca9685Pwm,
    open_pca9685,
    prescale_for,
)
from car.pwm import Pwm
from tests.car.i2c import FakePca9685Bus

NEUTRAL = Pwm(steering_ns=1_450_000, motor_ns=1_446_000)
TICK_NS = 122 / 25e6 * 1e9


def test_a_period_of_20_ms_is_the_prescale_of_the_data_sheets_formula() -> None:
    assert prescale_for(20_000_000) == 121
    assert prescale_for(5_000_000) == 0x1E, "the value after power-on, 200 Hz"


@pytest.mark.parametrize("period_ns", [500_000, 50_000_000])
def test_a_period_out_of_reach_is_refused(period_ns: int) -> None:
    with pytest.raises(Sim2RaceError, match="expected 655360 to 41943040"):
        prescale_for(period_ns)


def test_a_chip_fresh_from_power_on_sends_nothing_until_the_first_write() -> None:
    bus = FakePca9685Bus()
    output = Pca9685Pwm(bus, NEUTRAL)
    assert bus.registers[PRE_SCALE] == 121
    assert bus.period_ns == pytest.approx(20e6, rel=1e-3)
    assert [bus.pulse_ns(channel) for channel in range(16)] == [0.0] * 16
    output.write(NEUTRAL)
    assert bus.pulse_ns(0) == pytest.approx(NEUTRAL.motor_ns, abs=TICK_NS / 2)
    assert bus.pulse_ns(1) == pytest.approx(NEUTRAL.steering_ns, abs=TICK_NS / 2)
    assert [bus.pulse_ns(channel) for channel in range(2, 16)] == [0.0] * 14
    assert bus.hurried == 0, "outputs were set before the oscillator ran steadily"


@pytest.mark.parametrize("pulse_ns", [500_000, 1_248_000, 1_311_000, 1_603_500, 2_500_000])
def test_every_pulse_is_within_half_a_tick(pulse_ns: int) -> None:
    bus = FakePca9685Bus()
    Pca9685Pwm(bus, NEUTRAL).write(Pwm(steering_ns=pulse_ns, motor_ns=pulse_ns))
    assert bus.pulse_ns(0) == pytest.approx(pulse_ns, abs=TICK_NS / 2)
    assert bus.pulse_ns(1) == pytest.approx(pulse_ns, abs=TICK_NS / 2)


def test_a_pulse_of_zero_switches_its_channel_off() -> None:
    bus = FakePca9685Bus()
    output = Pca9685Pwm(bus, NEUTRAL)
    output.write(Pwm(steering_ns=1_450_000, motor_ns=0))
    assert bus.pulse_ns(0) == 0.0
    assert bus.pulse_ns(1) > 0.0


def test_a_pulse_longer_than_the_period_never_reaches_the_chip() -> None:
    bus = FakePca9685Bus()
    output = Pca9685Pwm(bus, NEUTRAL)
    for bad_ns in (20_100_000, -1_000_000):
        with pytest.raises(OSError, match="does not fit"):
            output.write(Pwm(steering_ns=1_450_000, motor_ns=bad_ns))
    assert bus.pulse_ns(0) == 0.0


def test_a_chip_that_already_runs_is_taken_over_without_a_break() -> None:
    bus = FakePca9685Bus()
    Pca9685Pwm(bus, NEUTRAL).write(Pwm(1_700_000, 1_400_000))
    before = (bus.pulse_ns(0), bus.pulse_ns(1))
    Pca9685Pwm(bus, NEUTRAL)
    assert (bus.pulse_ns(0), bus.pulse_ns(1)) == before


def test_a_chip_running_at_another_period_is_stopped_first() -> None:
    bus = FakePca9685Bus()
    Pca9685Pwm(bus, NEUTRAL, period_ns=5_000_000).write(NEUTRAL)
    Pca9685Pwm(bus, NEUTRAL)
    assert bus.pulse_ns(0) == 0.0
    assert bus.registers[PRE_SCALE] == 121


def test_closing_leaves_neutral_behind_and_lets_go_of_the_bus() -> None:
    bus = FakePca9685Bus()
    output = Pca9685Pwm(bus, NEUTRAL)
    output.write(Pwm(1_700_000, 1_311_000))
    output.close()
    output.close()
    assert bus.closed
    assert bus.pulse_ns(0) == pytest.approx(NEUTRAL.motor_ns, abs=TICK_NS / 2)
    assert bus.pulse_ns(1) == pytest.approx(NEUTRAL.steering_ns, abs=TICK_NS / 2)
    with pytest.raises(OSError, match="closed"):
        output.write(NEUTRAL)


def test_a_chip_that_lost_its_power_is_noticed_and_set_up_again_by_the_next_write() -> None:
    bus = FakePca9685Bus()
    output = Pca9685Pwm(bus, NEUTRAL)
    output.write(Pwm(1_450_000, 1_311_000))
    bus.cut_power()
    with pytest.raises(OSError, match="lost its settings"):
        output.write(Pwm(1_450_000, 1_311_000))
    output.write(NEUTRAL)
    assert bus.pulse_ns(0) == pytest.approx(NEUTRAL.motor_ns, abs=TICK_NS / 2)
    assert bus.period_ns == pytest.approx(20e6, rel=1e-3)


def test_a_drive_whose_chip_loses_power_stops_and_stays_stopped() -> None:
    bus = FakePca9685Bus()
    calibration = default_calibration()
    clock = SystemClock()
    controller = DriveController(calibration, Pca9685Pwm(bus, calibration.neutral), clock)
    controller.on_command(Command(0.0, 2.0), clock.wall_ns())
    assert controller.arm()
    controller.on_command(Command(0.0, 2.0), clock.wall_ns())
    assert bus.pulse_ns(0) < 1_400_000
    bus.cut_power()
    report = controller.on_command(Command(0.0, 2.0), clock.wall_ns())
    controller.tick()
    assert report.state is DriveState.STOPPED
    assert bus.pulse_ns(0) == pytest.approx(NEUTRAL.motor_ns, abs=TICK_NS / 2)


def test_a_bus_without_a_chip_is_refused() -> None:
    with pytest.raises(Sim2RaceError, match=r"PCA9685 at 0x41 cannot be set up: .*Remote I/O error"):
        Pca9685Pwm(FakePca9685Bus(), NEUTRAL, address=0x41)


def test_another_chip_at_that_address_is_refused() -> None:
    class Deaf(FakePca9685Bus):
        def _store(self, register: int, value: int) -> None:
            return

    with pytest.raises(Sim2RaceError, match="does not keep its settings"):
        Pca9685Pwm(Deaf(), NEUTRAL)


def test_a_chip_on_an_external_clock_is_refused() -> None:
    bus = FakePca9685Bus()
    bus.write_i2c_block_data(0x40, MODE1, [EXTERNAL_CLOCK | SLEEP | AUTO_INCREMENT])
    with pytest.raises(Sim2RaceError, match="external clock"):
        Pca9685Pwm(bus, NEUTRAL)


def test_a_chip_that_goes_away_fails_the_write_and_not_the_closing() -> None:
    bus = FakePca9685Bus()
    output = Pca9685Pwm(bus, NEUTRAL)
    bus.unplugged = True
    with pytest.raises(OSError, match="Remote"):
        output.write(NEUTRAL)
    output.close()
    assert bus.closed


def test_a_write_takes_two_transactions() -> None:
    bus = FakePca9685Bus()
    output = Pca9685Pwm(bus, NEUTRAL)
    before = bus.transactions
    output.write(NEUTRAL)
    assert bus.transactions - before == 2


def test_a_bus_that_does_not_exist_is_refused_in_one_line() -> None:
    with pytest.raises(Sim2RaceError, match=r"/dev/i2c-250 cannot be opened: No such file"):
        open_pca9685(NEUTRAL, bus=250)
