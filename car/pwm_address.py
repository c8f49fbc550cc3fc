"""One word for where pulse widths go, so that a parameter or a command line can name any output.

    /sys/class/pwm            the only PWM chip there (a `pwmchipN` folder or a simulated one works too)
    /sys/class/pwm@i2c-1      the PWM chip on this bus
    pca9685                   the servo hat at 0x40 on /dev/i2c-1
    pca9685:0:0x41            another bus and address
    dry-run                   nowhere

With `+gpio514` at the end, the power gate on that GPIO line is switched on after the first pulses and cut
when the output is closed; `+/folder/gpio514` names a line that is not in `/sys/class/gpio`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from car.errors import Sim2RaceError
from car.gpio import GPIO_ROOT, GatedPwm, SysfsGate
from car.pca9685 import ADDRESS, BUS, open_pca9685
from car.pwm import PERIOD_NS, Pwm, PwmOutput, RecordingPwm, SysfsPwm

DRY_RUN = "dry-run"
PCA9685 = "pca9685"
DRY_RUN_KEPT = 100
"""How many pulses a dry run remembers; it may last for hours."""
_GATED = re.compile(r"(?P<ungated>.+?)\+(?P<root>/.*/)?gpio(?P<number>\d+)")


class GateLine(NamedTuple):
    """Where a power gate is."""

    number: int
    root: Path
    """Folder of GPIO lines."""


def open_output(
    address: str, neutral: Pwm, *, period_ns: int = PERIOD_NS, gpio_root: Path = GPIO_ROOT
) -> PwmOutput:
    """Open the output that `address` names.

    Args:
        address: as in the table above.
        neutral: what an output that can do so leaves behind when it is closed.
        period_ns: time between pulses.
        gpio_root: where the kernel shows its GPIO lines.

    Raises:
        Sim2RaceError: ill-formed, or the hardware cannot be used.
    """
    address, line = split_gate(address, gpio_root=gpio_root)
    if line is not None:
        gate = SysfsGate(line.number, root=line.root)
        return GatedPwm(open_output(address, neutral, period_ns=period_ns), gate)
    if address == DRY_RUN:
        return RecordingPwm(keep=DRY_RUN_KEPT)
    kind, *numbers = address.split(":")
    if kind == PCA9685:
        bus, chip = pca9685_numbers(address, numbers)
        return open_pca9685(neutral, bus=bus, address=chip, period_ns=period_ns)
    root, at, bus_name = address.rpartition("@")
    if not at:
        return SysfsPwm(Path(address), period_ns=period_ns)
    return SysfsPwm(Path(root), period_ns=period_ns, bus=bus_name)


def split_gate(address: str, *, gpio_root: Path = GPIO_ROOT) -> tuple[str, GateLine | None]:
    """Return the address without its power gate, and the gate's GPIO line if it has one."""
    found = _GATED.fullmatch(address)
    if found is None:
        return address, None
    root = Path(found["root"]) if found["root"] else gpio_root
    return found["ungated"], GateLine(int(found["number"]), root)


def absolute_address(address: str) -> str:
    """Return the address as it is understood from any working directory."""
    ungated, line = split_gate(address)
    if ungated == DRY_RUN or ungated.split(":")[0] == PCA9685:
        return address
    absolute = str(Path(ungated).absolute())
    return absolute if line is None else absolute + address[len(ungated) :]


def pca9685_numbers(address: str, numbers: list[str]) -> tuple[int, int]:
    """Return the bus and the chip's address on it, from the words behind `pca9685`.

    Raises:
        Sim2RaceError: ill-formed.
    """
    try:
        bus, chip, *surplus = [*(int(number, 0) for number in numbers), *(BUS, ADDRESS)[len(numbers) :]]
    except ValueError:
        surplus = [0]
    if surplus or bus < 0 or not 0x03 <= chip <= 0x77:
        raise Sim2RaceError(
            f"The PWM output {address!r} is ill-formed; expected pca9685:BUS:ADDRESS, as in pca9685:1:0x40."
        )
    return bus, chip
