"""Writing neutral once, from outside, and cutting the power where there is a gate.

    python -m car.neutral ADDRESS [CALIBRATION]

The service runs it after every end of the node graph: where everything is killed at once, the drive's guard
included, nobody else is left to do it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from car.calibration import default_calibration, load_calibration
from car.errors import Sim2RaceError
from car.gpio import GPIO_ROOT, SysfsGate
from car.pwm_address import open_output, split_gate


def main(arguments: list[str] | None = None, *, gpio_root: Path = GPIO_ROOT) -> int:
    """Write neutral, cut the power, and return the exit status; each is tried even if the other fails."""
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
    try:
        output = open_output(address, calibration.neutral, period_ns=calibration.period_ns)
        output.write(calibration.neutral)
        output.close()
    except (Sim2RaceError, OSError) as error:
        print(f"neutral: {error}", file=sys.stderr)
        status = 2
    try:
        if line is not None:
            SysfsGate(line.number, root=line.root).cut()
    except (Sim2RaceError, OSError) as error:
        print(f"neutral: {error}", file=sys.stderr)
        status = 2
    return status


if __name__ == "__main__":
    sys.exit(main())
