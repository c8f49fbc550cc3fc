"""The last centimetre of software: pulse widths into the PWM chip's files.

Servo and motor controller both obey the width of a pulse that repeats every 20 ms. Linux shows the PWM chip
as a folder, `/sys/class/pwm/pwmchipN/`, with one folder per channel; the widths are nanoseconds in a text
file. The simulated car reads the same files from a plain folder, so that the software in front of them cannot
tell the difference.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from car.errors import Sim2RaceError

MOTOR_CHANNEL = 0
STEERING_CHANNEL = 1
PERIOD_NS = 20_000_000
MIN_PERIOD_NS, MAX_PERIOD_NS = 2_500_000, 25_000_000
"""Of servos and motor controllers, from 400 Hz to 40 Hz."""
MIN_PULSE_NS = 500_000
MAX_PULSE_NS = 2_500_000
"""Outside 0.5 to 2.5 ms servos run into their stops and burn."""
EXPORT_DEADLINE_S = 1.0


@dataclass(frozen=True)
class Pwm:
    """Pulse widths of both channels; 0 means that the channel is switched off and sends no pulses."""

    steering_ns: int
    motor_ns: int


class PwmOutput(Protocol):
    """Where pulse widths go."""

    def write(self, pwm: Pwm) -> None:
        """Send both widths.

        Raises:
            OSError: the hardware did not take them.
        """
        ...

    def close(self) -> None:
        """Let go of the hardware, which keeps obeying the last widths."""
        ...


class RecordingPwm:
    """An output that remembers what is written to it.

    Args:
        keep: how many writes; all of them by default.
    """

    def __init__(self, *, keep: int | None = None) -> None:
        self._keep = keep
        self.writes: list[Pwm] = []
        """The widths written, the oldest first."""
        self.closed = False

    @property
    def last(self) -> Pwm | None:
        """What the servo and the motor controller obey now."""
        return self.writes[-1] if self.writes else None

    def write(self, pwm: Pwm) -> None:
        """Remember `pwm`."""
        self.writes.append(pwm)
        if self._keep is not None:
            del self.writes[: -self._keep]

    def close(self) -> None:
        """Remember that nothing more will come."""
        self.closed = True


class SysfsPwm:
    """Linux's PWM files, on a car or in a folder made by `make_fake_sysfs`.

    The channels are exported and given their period here, but pulses begin with the first `write`, so that
    nothing moves before somebody has decided what neutral is.

    Args:
        root: the `pwmchipN` folder, or a folder that holds exactly one of them.
        period_ns: time between pulses.
        bus: choose the chip that hangs on this bus, as in `i2c-1`.

    Raises:
        Sim2RaceError: there is no such chip, it lacks the channels, or they cannot be set up.
    """

    def __init__(self, root: Path, *, period_ns: int = PERIOD_NS, bus: str | None = None) -> None:
        chip = find_chip(root, bus=bus)
        try:
            channels = [_export(chip, channel) for channel in (MOTOR_CHANNEL, STEERING_CHANNEL)]
            for folder in channels:
                _set_polarity(folder)
                _set_period(folder, period_ns)
            self._enables = [folder / "enable" for folder in channels]
            # Unbuffered descriptors that stay open: a full table of open files cannot stop a neutral pulse.
            self._descriptors = [os.open(folder / "duty_cycle", os.O_WRONLY) for folder in channels]
        except OSError as error:
            raise Sim2RaceError(f"The PWM chip {chip} cannot be set up: {error}.") from error
        self._enabled = False

    def write(self, pwm: Pwm) -> None:
        """Send both widths, the motor's first: of the two it is the one that can hurt.

        Raises:
            OSError: the chip did not take them, or the output is closed. The second channel is tried even if
                the first one fails.
        """
        motor, steering = self._descriptors
        try:
            _write_duty(motor, pwm.motor_ns)
        finally:
            _write_duty(steering, pwm.steering_ns)
        if not self._enabled:
            for path in self._enables:
                # A channel that runs is left alone: in a plain folder, a reader could find the file empty.
                if _first_line(path) != "1":
                    path.write_text("1\n")
            self._enabled = True

    def close(self) -> None:
        """Close the files; the chip goes on with the last widths, as a servo without pulses is no safer."""
        descriptors, self._descriptors = self._descriptors, [-1, -1]
        for descriptor in descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def find_chip(root: Path, *, bus: str | None = None) -> Path:
    """Return the `pwmchipN` folder that `root` is or holds.

    Args:
        root: the folder, or one that holds it, as `/sys/class/pwm`.
        bus: only a chip on this bus; the number N changes from boot to boot, the bus does not.

    Raises:
        Sim2RaceError: there is none, or more than one.
    """
    if (root / "export").exists():
        return root
    chips = sorted(root.glob("pwmchip*"))
    if bus is not None:
        # The kernel's folder is a link into its tree of devices, where each bus is one step of the path.
        chips = [chip for chip in chips if bus in chip.resolve().parts]
    if len(chips) == 1:
        return chips[0]
    found = f"{len(chips)} of them ({', '.join(chip.name for chip in chips)}); name one" if chips else "none"
    where = f"{root} on the bus {bus}" if bus is not None else str(root)
    raise Sim2RaceError(f"Expected a PWM chip's folder (pwmchipN) in {where}, found {found}.")


def make_fake_sysfs(root: Path) -> Path:
    """Make the files of a PWM chip in a plain folder, switched off as after boot.

    Args:
        root: folder to make; a chip that is already in it is switched off.

    Returns:
        The `pwmchip0` folder, ready for `SysfsPwm` and `read_sysfs_pwm`.

    Raises:
        Sim2RaceError: the folder cannot be written.
    """
    chip = root / "pwmchip0"
    try:
        for channel in (MOTOR_CHANNEL, STEERING_CHANNEL):
            folder = chip / f"pwm{channel}"
            folder.mkdir(parents=True, exist_ok=True)
            values = {"enable": "0", "duty_cycle": "0", "period": "0", "polarity": "normal"}
            for name, value in values.items():
                (folder / name).write_text(f"{value}\n")
        for name, value in {"export": "", "unexport": "", "npwm": "2\n"}.items():
            (chip / name).write_text(value)
    except OSError as error:
        raise Sim2RaceError(f"Cannot make the simulated PWM chip: {error}.") from error
    return chip


def read_sysfs_pwm(root: Path) -> Pwm:
    """Read what the servo and the motor controller get now; a channel that is switched off reads 0.

    Args:
        root: as for `SysfsPwm`.

    Raises:
        Sim2RaceError: there is no chip, or its files hold no numbers.
    """
    chip = find_chip(root)
    return Pwm(steering_ns=_read_channel(chip, STEERING_CHANNEL), motor_ns=_read_channel(chip, MOTOR_CHANNEL))


def _read_channel(chip: Path, channel: int) -> int:
    folder = chip / f"pwm{channel}"
    try:
        if _first_line(folder / "enable") != "1":
            return 0
        return int(_first_line(folder / "duty_cycle"))
    except (OSError, ValueError) as error:
        raise Sim2RaceError(f"The PWM channel {folder} cannot be read: {error}.") from error


def _first_line(path: Path) -> str:
    return path.read_text().partition("\n")[0].strip()


def _export(chip: Path, channel: int) -> Path:
    """Ask the kernel for the channel's folder and wait until it is there and writable."""
    folder = chip / f"pwm{channel}"
    if not folder.is_dir():
        (chip / "export").write_text(f"{channel}\n")
    # udev hands the files to the user's group a moment after the kernel has made them.
    deadline_s = time.monotonic() + EXPORT_DEADLINE_S
    while not os.access(folder / "duty_cycle", os.W_OK):
        if time.monotonic() > deadline_s:
            raise OSError(f"channel {channel} does not become writable")
        time.sleep(0.01)
    return folder


def _write_duty(descriptor: int, duty_ns: int) -> None:
    # One write from the beginning and no truncation: a reader never finds the file empty. What a longer
    # number leaves behind is on the second line, which nobody reads.
    os.pwrite(descriptor, f"{duty_ns}\n".encode(), 0)


def _set_polarity(folder: Path) -> None:
    """Let a pulse be the time that the line is high; not every driver knows another way."""
    polarity = folder / "polarity"
    if polarity.exists() and _first_line(polarity) != "normal":
        # The kernel changes it only while there are no pulses.
        (folder / "enable").write_text("0\n")
        polarity.write_text("normal\n")


def _set_period(folder: Path, period_ns: int) -> None:
    if _first_line(folder / "period") == str(period_ns):
        return
    # The kernel refuses a period below the present pulse width.
    descriptor = os.open(folder / "duty_cycle", os.O_WRONLY)
    try:
        _write_duty(descriptor, 0)
    finally:
        os.close(descriptor)
    (folder / "period").write_text(f"{period_ns}\n")
