"""One output, one driver: two processes that write the same pulses would undo each other's stop."""

from __future__ import annotations

import socket
from pathlib import Path

from car.errors import Sim2RaceError
from car.pwm import find_chip
from car.pwm_address import DRY_RUN, PCA9685, pca9685_numbers, split_gate


def claim_output(address: str) -> socket.socket | None:
    """Hold the output for this process, until the socket is closed or the process ends, however it ends.

    Args:
        address: see `car.pwm_address`; a dry run is nobody's.

    Raises:
        Sim2RaceError: another process holds it, or the address names no output.
    """
    ungated, _ = split_gate(address)
    if ungated == DRY_RUN:
        return None
    # A name in the abstract namespace belongs to one socket, leaves no file, and ends with its owner.
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0sim2race-pwm-{_hardware(ungated)}"[:100])
    except OSError as error:
        claim.close()
        raise Sim2RaceError(
            f"Another process drives {address} already; stop it first (sudo systemctl stop sim2race)."
        ) from error
    except BaseException:
        claim.close()
        raise
    return claim


def _hardware(address: str) -> str:
    """Return the same text for every address of the same chip."""
    kind, *numbers = address.split(":")
    if kind == PCA9685:
        bus, chip = pca9685_numbers(address, numbers)
        return f"i2c-{bus}-{chip:#04x}"
    root, at, bus_name = address.rpartition("@")
    folder = find_chip(Path(root), bus=bus_name) if at else find_chip(Path(address))
    status = (folder / "export").stat()
    return f"{status.st_dev}-{status.st_ino}"
