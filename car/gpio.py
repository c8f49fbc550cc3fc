"""The switch in front of servo and motor controller: one GPIO line, 0 is powered, 1 is cut.

A DeepRacer feeds both through it. The reference stack only ever switches it on; here the power can be cut
when the car stops, so that even a motor controller that misreads its pulse stands still. Raspberry Pi cars
have no such switch.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import Protocol

from car.errors import Sim2RaceError
from car.pwm import Pwm, PwmOutput

GPIO_ROOT = Path("/sys/class/gpio")
GATE_LINES = (514, 436)
"""Number of the line on a DeepRacer: 514 with Ubuntu 24.04, 436 with 20.04."""
EXPORT_DEADLINE_S = 1.0


class PowerGate(Protocol):
    """What can cut the power of servo and motor."""

    @property
    def powered(self) -> bool:
        """Whether they have power now, whoever switched last.

        Raises:
            OSError: the hardware does not say.
        """
        ...

    def switch_on(self) -> None:
        """Feed servo and motor controller.

        Raises:
            OSError: the hardware did not take it.
        """
        ...

    def cut(self) -> None:
        """Take their power away.

        Raises:
            OSError: the hardware did not take it.
        """
        ...


class SysfsGate:
    """Linux's GPIO files.

    The line is left as it is until somebody switches it.

    Args:
        line: the kernel's number of the line, see `GATE_LINES`.
        root: where the kernel shows its lines.

    Raises:
        Sim2RaceError: there is no such line, or it is not ours to switch.
    """

    def __init__(self, line: int, *, root: Path = GPIO_ROOT) -> None:
        self._direction = root / f"gpio{line}" / "direction"
        self._value = root / f"gpio{line}" / "value"
        try:
            if not self._direction.exists():
                (root / "export").write_text(f"{line}\n")
            # udev hands the files to the user's group a moment after the kernel has made them.
            deadline_s = time.monotonic() + EXPORT_DEADLINE_S
            while not (os.access(self._direction, os.W_OK) and os.access(self._value, os.R_OK)):
                if time.monotonic() > deadline_s:
                    raise OSError("it does not become writable")
                time.sleep(0.01)
        except OSError as error:
            raise Sim2RaceError(
                f"The power gate, GPIO line {line} in {root}, cannot be used: {error}."
            ) from error

    @property
    def powered(self) -> bool:
        """Whether servo and motor controller have power now."""
        return self._value.read_text().strip() == "0"

    def switch_on(self) -> None:
        """Feed servo and motor controller.

        Raises:
            OSError: the kernel did not take it.
        """
        self._direction.write_text("low\n")

    def cut(self) -> None:
        """Take their power away.

        Raises:
            OSError: the kernel did not take it.
        """
        # "low" and "high" turn the line into an output that has its level from the first moment.
        self._direction.write_text("high\n")


class GatedPwm:
    """A `PwmOutput` behind a power gate: pulses first, then power, and none after the end.

    The first write brings the power; after a cut only `switch_on` does, as resuming takes a person.

    Args:
        output: sends the pulses.
        gate: feeds what obeys them.
    """

    def __init__(self, output: PwmOutput, gate: PowerGate) -> None:
        self.inner = output
        """What sends the pulses."""
        self._gate = gate
        self._begun = False

    def write(self, pwm: Pwm) -> None:
        """Send both widths.

        Raises:
            OSError: the hardware did not take them.
        """
        self.inner.write(pwm)
        if not self._begun:
            self._gate.switch_on()
            self._begun = True

    @property
    def powered(self) -> bool:
        """Whether servo and motor controller have power now."""
        return self._gate.powered

    def switch_on(self) -> None:
        """Feed servo and motor controller; they must already be getting neutral pulses.

        Raises:
            OSError: the hardware did not take it.
        """
        self._gate.switch_on()

    def cut(self) -> None:
        """Take the power away; pulses go on.

        Raises:
            OSError: the hardware did not take it.
        """
        self._gate.cut()

    def close(self) -> None:
        """Cut the power and let go of the output, even if one of them fails."""
        with contextlib.suppress(OSError):
            self._gate.cut()
        self.inner.close()
