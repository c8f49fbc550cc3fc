"""One word for where pulse widths go, so that a parameter or a command line can name any output.

/sys/class/pwm            the only PWM chip there (a `pwmchipN` folder or a simulated one works too)
/sys/class/pwm@i2c-1      the PWM chip on this bus
pca9685                   the servo hat at 0x40 on /dev/i2c-1
pca9685:0:0x41            another bus and address
dry-run                   nowhere
"""

from __future__ import annotations

from pathlib import Path

from car.errors import Sim2RaceError
from car.pca9685 import ADDRESS, BUS, open_pca9685
from car.pwm import PERIOD_NS, Pwm, PwmOutput, RecordingPwm, SysfsPwm

DRY_RUN = "dry-run"
PCA9685 = "pca9685"


def open_output(address: str, neutral: Pwm, *, period_ns: int = PERIOD_NS) -> PwmOutput:
    """Open the output that `address` names.

    Args:
        address: as in the table above.
        neutral: what an output that can do so leaves behind when it is closed.
        period_ns: time between pulses.

    Raises:
        Sim2RaceError: ill-formed, or the hardware cannot be used.
    """
    if address == DRY_RUN:
        return RecordingPwm()
    kind, *numbers = address.split(":")
    if kind == PCA9685:
        bus, chip = _numbers(address, numbers)
        return open_pca9685(neutral, bus=bus, address=chip, period_ns=period_ns)
    root, at, bus_name = address.rpartition("@")
    if not at:
        return SysfsPwm(Path(address), period_ns=period_ns)
    return SysfsPwm(Path(root), period_ns=period_ns, bus=bus_name)


def _numbers(address: str, numbers: list[str]) -> tuple[int, int]:
    try:
        bus, chip, *surplus = [*(int(number, 0) for number in numbers), *(BUS, ADDRESS)[len(numbers) :]]
    except ValueError:
        surplus = [0]
    if surplus or bus < 0 or not 0x03 <= chip <= 0x77:
        raise Sim2RaceError(
            f"The PWM output {address!r} is ill-formed; expected pca9685:BUS:ADDRESS, as in pca9685:1:0x40."
        )
    return bus, chip
