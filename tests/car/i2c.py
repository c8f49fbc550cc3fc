"""A PCA9685 by its registers, as a stand-in for the bus it hangs on."""

from __future__ import annotations

import errno
import time
from collections.abc import Sequence

from car.pca9685 import AUTO_INCREMENT, COUNTS, MODE1, PRE_SCALE, SLEEP

_LED_FIRST, _LED_LAST, _ALL_FIRST = 0x06, 0x45, 0xFA
_RESTART, _EXTCLK = 0x80, 0x40
_SETTLE_S = 0.0005


class FakePca9685Bus:
    """Behaves as the data sheet says of what a driver can get wrong.

    The prescaler takes values only in sleep; registers count up only with auto-increment; high bytes keep
    five bits; the four ALL registers write every channel and read as 0; the external clock can be switched
    on but not off; no pulse leaves a sleeping chip.
    """

    def __init__(self, address: int = 0x40) -> None:
        self.address = address
        self.closed = False
        self.unplugged = False
        self.transactions = 0
        self.hurried = 0
        """Outputs that were set before the oscillator ran steadily."""
        self.cut_power()

    def cut_power(self) -> None:
        """Put every register at what it has after power-on."""
        self.registers = [0] * 256
        self.registers[MODE1] = 0x11
        self.registers[0x01] = 0x04
        self.registers[PRE_SCALE] = 0x1E
        for channel in range(16):
            self.registers[_LED_FIRST + 4 * channel + 3] = 0x10
        self._woken_s = 0.0

    def pulse_ns(self, channel: int) -> float:
        """Width of the pulses that leave a channel; 0 if none do."""
        on_low, on_high, off_low, off_high = self.registers[_LED_FIRST + 4 * channel :][:4]
        if self.registers[MODE1] & SLEEP or off_high & 0x10:
            return 0.0
        counts = ((off_high & 0x0F) << 8 | off_low) - ((on_high & 0x0F) << 8 | on_low)
        return counts % COUNTS * self.period_ns / COUNTS

    @property
    def period_ns(self) -> float:
        return COUNTS * (self.registers[PRE_SCALE] + 1) / 25e6 * 1e9

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        self._answer(i2c_addr)
        assert 0 < len(data) <= 32, "SMBus allows 32 bytes in a block"
        for value in data:
            assert 0 <= value <= 255
            self._store(register, value)
            register = self._after(register)

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        self._answer(i2c_addr)
        assert 0 < length <= 32, "SMBus allows 32 bytes in a block"
        values = []
        for _ in range(length):
            values.append(0 if _ALL_FIRST <= register < PRE_SCALE else self.registers[register])
            register = self._after(register)
        return values

    def close(self) -> None:
        self.closed = True

    def _answer(self, address: int) -> None:
        self.transactions += 1
        if self.closed:
            raise OSError(errno.EBADF, "Bad file descriptor")
        if self.unplugged or address != self.address:
            raise OSError(errno.EREMOTEIO, "Remote I/O error")

    def _after(self, register: int) -> int:
        if not self.registers[MODE1] & AUTO_INCREMENT:
            return register
        return 0 if register == _LED_LAST else (register + 1) % 256

    def _store(self, register: int, value: int) -> None:
        asleep = bool(self.registers[MODE1] & SLEEP)
        if register == PRE_SCALE:
            if asleep:
                self.registers[register] = max(value, 3)
        elif register == MODE1:
            if asleep and not value & SLEEP:
                self._woken_s = time.monotonic()
            keeps_clock = self.registers[MODE1] & _EXTCLK
            self.registers[MODE1] = (value & ~(_RESTART | _EXTCLK)) | keeps_clock
            if asleep and value & _EXTCLK:
                self.registers[MODE1] |= _EXTCLK
        elif _ALL_FIRST <= register < PRE_SCALE:
            for channel in range(16):
                self._store_led(_LED_FIRST + 4 * channel + register - _ALL_FIRST, value)
        elif _LED_FIRST <= register <= _LED_LAST:
            if time.monotonic() - self._woken_s < _SETTLE_S:
                self.hurried += 1
            self._store_led(register, value)
        else:
            self.registers[register] = value

    def _store_led(self, register: int, value: int) -> None:
        high_byte = (register - _LED_FIRST) % 2
        self.registers[register] = value & 0x1F if high_byte else value
