"""In place of the package of this name: a PCA9685 with its registers in a file, for processes to share."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from tests.car.i2c import FakePca9685Bus

VARIABLE = "FAKE_PCA9685"
"""Environment variable that names the file."""


def power_on(path: Path) -> None:
    """Make the file, with what the registers have after power-on."""
    path.write_bytes(bytes(FakePca9685Bus().registers))


class SMBus(FakePca9685Bus):
    """The bus that the chip hangs on."""

    def __init__(self, bus: int) -> None:
        assert bus == 1
        super().__init__()
        with open(os.environ[VARIABLE], "r+b") as file:
            self.registers = mmap.mmap(file.fileno(), 256)  # type: ignore[assignment]
