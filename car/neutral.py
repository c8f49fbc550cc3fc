"""Writing neutral once, from outside, and cutting the power where there is a gate.

    python -m car.neutral ADDRESS [CALIBRATION]

The service runs it after every end of the node graph: where everything is killed at once, the drive's guard
included, nobody else is left to do it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from car.calibration import Calibration, default_calibration, load_calibration
from car.errors import Sim2RaceError
from car.gpio import GPIO_ROOT, SysfsGate
from car.pwm_address import GateLine, open_output, split_gate

PATIENCE_S = 3.0
"""A bus that is disturbed, as by a battery that breaks down, may answer again."""
RETRY_S = 0.02


def main(
    arguments: list[str] | None = None, *, gpio_root: Path = GPIO_ROOT, patience_s: float = PATIENCE_S
) -> int:
    """Write neutral, cut the power, and return the exit status; each is tried even if the other fails.

    Args:
        arguments: the command line's.
        gpio_root: where the kernel shows its GPIO lines.
        patience_s: how long a chip that does not answer is tried again.
    """
    address, *rest = sys.argv[1:] if arguments is None else arguments
    address, line = split_gate(address, gpio_root=gpio_root)
    status = 0
    calibration = default_calibration()
    try:
        if rest and rest[0]:
            calibration = load_calibration(Path(rest[0]))
    except Sim2RaceError as error:
        # The factory's neutral is better than none.
        print(f"neutral: {error} Taking the factory's calibration.", file=sys.stderr)
    end_s = time.monotonic() + patience_s
    problem = _write(address, calibration)
    # The power goes at once where the pulses cannot: a chip that answers later is then only the second guard.
    cut = _cut(line)
    while problem and time.monotonic() < end_s:
        time.sleep(RETRY_S)
        problem = _write(address, calibration)
    for failed in filter(None, (problem, cut)):
        print(f"neutral: {failed}", file=sys.stderr)
        status = 2
    return status


def _write(address: str, calibration: Calibration) -> str:
    """Write neutral once, and return what went wrong."""
    try:
        output = open_output(address, calibration.neutral, period_ns=calibration.period_ns)
        try:
            output.write(calibration.neutral)
        finally:
            output.close()
    except (Sim2RaceError, OSError) as error:
        return str(error)
    return ""


def _cut(line: GateLine | None) -> str:
    """Cut the power, where there is a gate, and return what went wrong."""
    try:
        if line is not None:
            SysfsGate(line.number, root=line.root).cut()
    except (Sim2RaceError, OSError) as error:
        return str(error)
    return ""


if __name__ == "__main__":
    sys.exit(main())
