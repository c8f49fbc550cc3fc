"""`sim2race calibrate`: measure a car with a tape measure and a stop watch, and write its calibration."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import numpy as np
from rich.console import Console

from car.calibration import Calibration, default_calibration, load_calibration, to_community
from car.calibration_session import CalibrationSession, SessionPlan
from car.calibration_store import keep_previous
from car.calibration_survey import WHEELBASE_M
from car.dialogue import Dialogue, FileDialogue, PersonDialogue
from car.errors import Sim2RaceError
from car.files import write_atomically
from car.guarded_pwm import GuardedPwm, Heart
from car.pwm import PwmOutput
from car.pwm_address import DRY_RUN, open_output
from car.text_plot import text_plot


@dataclass(frozen=True, kw_only=True)
class CalibrateConfig:
    """Measure a car and write its calibration."""

    path: Path = Path("calibration.json")
    """Where the calibration goes; a file that is there already is kept beside it as .bak."""
    output: str | None = None
    """Where pulses go: a PWM folder, FOLDER@BUS, pca9685[:BUS[:ADDRESS]] or dry-run. Without it,
    /sys/class/pwm, or a dry run if the answers come from a file."""
    base: Path | None = None
    """Calibration (ours or the community's) that knows neutral and the ends; the factory's if none."""
    name: str = "car"
    """Which car this is."""
    steering_percent: tuple[int, ...] = (25, 50, 75, 100)
    """Deflections at which circles are measured to both sides."""
    throttle_percent: tuple[int, ...] = (40, 45, 50, 55, 60, 70)
    """Throttles at which runs are timed; the car will never go faster than at the last one."""
    wheelbase_m: float = WHEELBASE_M
    """Distance between the axles."""
    run_s: float = 5.0
    """Longest time that the motor runs at a stretch."""
    answers: Path | None = None
    """JSON with the answers of an earlier time, as it is written beside every calibration."""
    community: Path | None = None
    """Write the community's calibration.json as well."""


def run(config: CalibrateConfig) -> int:
    """Measure, show and write.

    Raises:
        Sim2RaceError: the hardware cannot be used, the answers contradict each other, or a file cannot be
            written.
    """
    plan = _plan(config)
    console = Console()
    base = load_calibration(config.base) if config.base else default_calibration()
    dialogue: Dialogue = FileDialogue(config.answers) if config.answers else PersonDialogue(console)
    with _moving(config, base) as output:
        try:
            survey = CalibrationSession(base, output, dialogue, console, plan).measure()
        except OSError as error:
            raise Sim2RaceError(f"The PWM output failed: {error}.") from error
        except EOFError as error:
            raise Sim2RaceError("Nobody answers here; give the answers with --answers FILE.") from error
    if isinstance(dialogue, PersonDialogue):
        # Written before the tables are judged: an hour on the floor must not be lost to one contradiction.
        answers = config.path.with_suffix(".answers.json")
        write_atomically(answers, json.dumps(dialogue.answers, indent=2) + "\n")
        console.print(f"Wrote the answers to {answers}.")
    calibration = survey.calibration(name=config.name, period_ns=base.period_ns)
    show(calibration, console)
    backup = keep_previous(config.path)
    calibration.save(config.path)
    console.print(f"Wrote {config.path}." + (f" The previous one is {backup}." if backup else ""))
    if config.community:
        keep_previous(config.community)
        to_community(calibration).save(config.community)
        console.print(f"Wrote {config.community} for the community's stack.")
    return 0


def show(calibration: Calibration, console: Console) -> None:
    """Draw both curves."""
    for x, y, x_label, y_label in (
        (
            np.array(calibration.steering_pulse_ns) / 1000,
            np.degrees(calibration.steering_rad),
            "servo pulse, us",
            "wheel angle, degrees, left is positive",
        ),
        (
            np.array(calibration.motor_pulse_ns) / 1000,
            np.array(calibration.speed_mps),
            "motor pulse, us",
            "speed, m/s",
        ),
    ):
        console.print()
        console.print(text_plot(x.tolist(), y.tolist(), x_label=x_label, y_label=y_label), highlight=False)
    console.print()


def _plan(config: CalibrateConfig) -> SessionPlan:
    for what, percents in (
        ("steering", config.steering_percent),
        ("throttle", config.throttle_percent),
    ):
        rising = all(low < high for low, high in itertools.pairwise(percents))
        if not percents or not rising or percents[0] < 1 or percents[-1] > 100:
            raise Sim2RaceError(f"The {what} percentages are {percents}; expected rising ones from 1 to 100.")
    if not 0.05 <= config.wheelbase_m <= 1.0:
        raise Sim2RaceError(f"The wheelbase is {config.wheelbase_m:g} m; expected 0.05 to 1.")
    if not 0.0 < config.run_s <= 20.0:
        raise Sim2RaceError(f"The longest run is {config.run_s:g} s; expected at most 20.")
    return SessionPlan(
        steering_percent=config.steering_percent,
        throttle_percent=config.throttle_percent,
        wheelbase_m=config.wheelbase_m,
        run_s=config.run_s,
    )


@contextlib.contextmanager
def _moving(config: CalibrateConfig, base: Calibration) -> Iterator[PwmOutput]:
    """Open the output, and leave it at neutral however this ends: by an error, by a signal, or by a kill."""
    address = config.output or (DRY_RUN if config.answers else "/sys/class/pwm")
    neutral = base.neutral
    output: PwmOutput
    heart: contextlib.AbstractContextManager[object] = contextlib.nullcontext()
    if address == DRY_RUN:
        output = open_output(address, neutral)
    else:
        output = guarded = GuardedPwm(address, neutral, period_ns=base.period_ns)
        heart = Heart(guarded)
    handlers = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with heart:
            yield output
    finally:
        with contextlib.suppress(OSError):
            output.write(neutral)
        output.close()
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
