"""The PCA9685: sixteen pulse outputs behind I2C, as on the servo hats of Raspberry Pi cars.

The chip counts an oscillator of 25 MHz through a prescaler; 4096 counts are one period, so a pulse is a whole
number of ticks of about 4.9 us at 50 Hz. The prescaler takes a value only while the chip sleeps. Channel 0 is
the motor, channel 1 the steering. Where the kernel has the chip as a PWM chip (the `i2c-pwm-pca9685a`
overlay), `SysfsPwm` is the way; this module is for all the others.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from typing import Protocol

from car.errors import Sim2RaceError
from car.pwm import MOTOR_CHANNEL, PERIOD_NS, STEERING_CHANNEL, Pwm

ADDRESS = 0x40
BUS = 1
OSCILLATOR_HZ = 25_000_000
COUNTS = 4096

MODE1, MODE2, LED0_ON_L, ALL_OFF_H, PRE_SCALE = 0x00, 0x01, 0x06, 0xFD, 0xFE
AUTO_INCREMENT, EXTERNAL_CLOCK, SLEEP = 0x20, 0x40, 0x10
TOTEM_POLE = 0x04
FULL_OFF = 0x10
WAKE_S = 0.001
"""The oscillator needs half a millisecond to run steadily."""
_CHANNELS = 2


class I2cBus(Protocol):
    """What is used of `smbus2.SMBus`."""

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        """Write consecutive registers in one transaction."""
        ...

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        """Read consecutive registers in one transaction."""
        ...

    def close(self) -> None:
        """Let go of the bus."""
        ...


class Pca9685Pwm:
    """A `PwmOutput` through a PCA9685.

    A chip that already runs with the right period is taken over without a break in its pulses, so that a
    second process can look after the first one's chip. Every write is read back: a chip that lost its power
    for a moment answers as always and sends nothing, and only its registers tell.

    Args:
        bus: an open I2C bus, closed with the output.
        neutral: what `close` leaves behind.
        address: of the chip on the bus.
        period_ns: time between pulses.
        oscillator_hz: of this chip; they differ by a few percent.

    Raises:
        Sim2RaceError: no chip answers there, it keeps no settings, or the period is out of its reach.
    """

    def __init__(
        self,
        bus: I2cBus,
        neutral: Pwm,
        *,
        address: int = ADDRESS,
        period_ns: int = PERIOD_NS,
        oscillator_hz: int = OSCILLATOR_HZ,
    ) -> None:
        self._bus = bus
        self.neutral = neutral
        self._address = address
        self._prescale = prescale_for(period_ns, oscillator_hz)
        self._tick_ns = (self._prescale + 1) * 1e9 / oscillator_hz
        self._closed = False
        try:
            self._ready = self._is_set_up()
            if not self._ready:
                self._set_up()
        except OSError as error:
            raise Sim2RaceError(f"The PCA9685 at {address:#04x} cannot be set up: {error}.") from error

    def write(self, pwm: Pwm) -> None:
        """Send both widths in one transaction, so that both channels change together; 0 switches one off.

        Raises:
            OSError: the chip did not take them, has lost its settings, or the output is closed. The next
                write after lost settings sets it up anew.
        """
        if self._closed:
            raise OSError("the PCA9685 output is closed")
        wanted = self._registers(pwm)
        if not self._ready:
            self._set_up()
        self._ready = False
        self._bus.write_i2c_block_data(self._address, LED0_ON_L, wanted)
        found = self._bus.read_i2c_block_data(self._address, MODE1, LED0_ON_L + len(wanted))
        if found[MODE1] != AUTO_INCREMENT or found[LED0_ON_L:] != wanted:
            raise OSError("the PCA9685 has lost its settings; was its power interrupted?")
        self._ready = True

    def close(self) -> None:
        """Leave the chip at neutral, or switched off if it does not take that, and let go of the bus."""
        if self._closed:
            return
        try:
            self.write(self.neutral)
        except OSError:
            with contextlib.suppress(OSError):
                self._bus.write_i2c_block_data(self._address, ALL_OFF_H, [FULL_OFF])
        self._closed = True
        self._bus.close()

    def _is_set_up(self) -> bool:
        mode = self._read(MODE1)
        if mode & EXTERNAL_CLOCK:
            raise OSError("it was switched to an external clock; only cutting its power brings it back")
        return mode == AUTO_INCREMENT and self._read(PRE_SCALE) == self._prescale

    def _set_up(self) -> None:
        """Switch all outputs off, set the period in sleep, and wake the chip.

        Raises:
            OSError: it does not answer, or does not keep what it is told.
        """
        for register, value in (
            (ALL_OFF_H, FULL_OFF),
            (MODE1, AUTO_INCREMENT | SLEEP),
            (PRE_SCALE, self._prescale),
            (MODE2, TOTEM_POLE),
            (MODE1, AUTO_INCREMENT),
        ):
            self._bus.write_i2c_block_data(self._address, register, [value])
        time.sleep(WAKE_S)
        if not self._is_set_up():
            raise OSError("it does not keep its settings; expected a PCA9685 at this address")
        self._ready = True

    def _read(self, register: int) -> int:
        return self._bus.read_i2c_block_data(self._address, register, 1)[0]

    def _registers(self, pwm: Pwm) -> list[int]:
        registers = [0] * (4 * _CHANNELS)
        for channel, pulse_ns in ((MOTOR_CHANNEL, pwm.motor_ns), (STEERING_CHANNEL, pwm.steering_ns)):
            count = round(pulse_ns / self._tick_ns)
            if not 0 <= count < COUNTS:
                raise OSError(f"a pulse of {pulse_ns} ns does not fit into the period")
            off_low, off_high = (count & 0xFF, count >> 8) if count else (0, FULL_OFF)
            registers[4 * channel : 4 * channel + 4] = [0, 0, off_low, off_high]
        return registers


def prescale_for(period_ns: int, oscillator_hz: int = OSCILLATOR_HZ) -> int:
    """Return the prescaler's value for a period.

    Raises:
        Sim2RaceError: out of the chip's reach, 0.66 to 42 ms with its own oscillator.
    """
    prescale = round(period_ns * oscillator_hz / (COUNTS * 1e9)) - 1
    if not 3 <= prescale <= 255:
        shortest_ns, longest_ns = (round(steps * COUNTS * 1e9 / oscillator_hz) for steps in (4, 256))
        raise Sim2RaceError(
            f"A PCA9685 cannot repeat pulses every {period_ns} ns; expected {shortest_ns} to {longest_ns}."
        )
    return prescale


def open_pca9685(
    neutral: Pwm, *, bus: int = BUS, address: int = ADDRESS, period_ns: int = PERIOD_NS
) -> Pca9685Pwm:
    """Open the chip at `address` on `/dev/i2c-<bus>`.

    Raises:
        Sim2RaceError: smbus2 is not installed, the bus cannot be opened, or as for `Pca9685Pwm`.
    """
    try:
        from smbus2 import SMBus
    except ModuleNotFoundError as error:
        raise Sim2RaceError("I2C needs the package smbus2: pip install 'sim2race[car]'.") from error
    try:
        opened = SMBus(bus)
    except OSError as error:
        raise Sim2RaceError(f"The I2C bus /dev/i2c-{bus} cannot be opened: {error.strerror}.") from error
    try:
        return Pca9685Pwm(opened, neutral, address=address, period_ns=period_ns)
    except BaseException:
        opened.close()
        raise
