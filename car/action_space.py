"""What a policy may ask of the car: DeepRacer's `model_metadata.json`, discrete and continuous.

The file speaks degrees and metres per second; everything else in the product speaks radians and metres per
second. Steering to the left is positive. The order of the discrete actions is the order of the network's
outputs, so it is kept as it is in the file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from car.errors import BadFileError, Sim2RaceError
from car.json_file import finite_number, read_json_object

MAX_STEERING_RAD = math.radians(45.0)
"""No car of this class steers further, so a larger angle is a mistake in the file."""
MAX_SPEED_MPS = 10.0
"""More than twice the fastest car of this class, so a larger speed is a mistake in the file."""


@dataclass(frozen=True)
class Command:
    """What the car shall do now."""

    steering_rad: float
    """Wheel angle, left is positive."""
    speed_mps: float
    """Speed over ground, forward is positive."""


@dataclass(frozen=True)
class DiscreteActionSpace:
    """A list of commands to choose from; class i of the network is command i.

    Args:
        steering_rad: wheel angle of each action.
        speed_mps: speed of each action, same length.

    Raises:
        BadFileError: no actions, unequal lengths, or an action that no car can obey.
    """

    steering_rad: tuple[float, ...]
    speed_mps: tuple[float, ...]

    def __post_init__(self) -> None:
        angles, speeds = len(self.steering_rad), len(self.speed_mps)
        if angles != speeds:
            raise BadFileError(f"An action space of {angles} steering angles and {speeds} speeds.")
        if not self.steering_rad:
            raise BadFileError("An action space without actions; expected at least one.")
        for index, (steering_rad, speed_mps) in enumerate(
            zip(self.steering_rad, self.speed_mps, strict=True)
        ):
            _check_limits(f"action {index}", steering_rad, speed_mps)

    @property
    def size(self) -> int:
        """Number of actions, and of the network's outputs."""
        return len(self.steering_rad)

    def table(self) -> NDArray[np.float32]:
        """Return all actions as (A, 2): steering in rad, speed in m/s."""
        return np.stack([self.steering_rad, self.speed_mps], axis=1).astype(np.float32)

    def command(self, index: int) -> Command:
        """Return action `index`.

        Raises:
            Sim2RaceError: there is no such action.
        """
        if not 0 <= index < self.size:
            raise Sim2RaceError(f"Action {index} does not exist; the action space has 0 to {self.size - 1}.")
        return Command(self.steering_rad[index], self.speed_mps[index])

    def choose(self, action_output: ArrayLike) -> int:
        """Return the index of the most probable action; the first one wins a tie.

        Args:
            action_output: (A,) probabilities or logits.

        Raises:
            Sim2RaceError: wrong shape, or a value that is not finite: such a frame must not steer a car.
        """
        output = _checked_output(action_output, self.size)
        return int(output.argmax())


@dataclass(frozen=True)
class ContinuousActionSpace:
    """Two outputs in -1..1, steering and speed, scaled to these limits.

    Raises:
        BadFileError: a limit that no car can obey, or a low above its high.
    """

    steering_low_rad: float
    steering_high_rad: float
    speed_low_mps: float
    speed_high_mps: float

    def __post_init__(self) -> None:
        _check_limits("the low end", self.steering_low_rad, self.speed_low_mps)
        _check_limits("the high end", self.steering_high_rad, self.speed_high_mps)
        if self.steering_low_rad > self.steering_high_rad or self.speed_low_mps > self.speed_high_mps:
            raise BadFileError("A continuous action space whose low is above its high; expected low first.")

    @property
    def size(self) -> int:
        """Number of the network's outputs: steering and speed."""
        return 2

    def scale(self, y: ArrayLike) -> NDArray[np.float32]:
        """Turn outputs into commands.

        Args:
            y: (N, 2) in -1..1; what lies beyond is clipped.

        Returns:
            (N, 2): steering in rad, speed in m/s.
        """
        low = np.array([self.steering_low_rad, self.speed_low_mps])
        high = np.array([self.steering_high_rad, self.speed_high_mps])
        unit = (np.clip(np.asarray(y, dtype=np.float64), -1.0, 1.0) + 1.0) / 2.0
        return np.asarray(low + unit * (high - low), dtype=np.float32)

    def command(self, y: ArrayLike) -> Command:
        """Turn one output of shape (2,) into a command.

        Raises:
            Sim2RaceError: wrong shape, or a value that is not finite.
        """
        steering_rad, speed_mps = self.scale(_checked_output(y, 2)[None])[0]
        return Command(float(steering_rad), float(speed_mps))


ActionSpace = DiscreteActionSpace | ContinuousActionSpace


def default_action_space() -> DiscreteActionSpace:
    """Return the inverted chevron: nine angles, the straighter the faster."""
    speed_by_angle = {0.0: 1.3, 2.5: 1.2, 5.0: 1.1, 10.0: 0.95, 20.0: 0.8}
    angles_deg = (-20.0, -10.0, -5.0, -2.5, 0.0, 2.5, 5.0, 10.0, 20.0)
    return DiscreteActionSpace(
        steering_rad=tuple(math.radians(angle) for angle in angles_deg),
        speed_mps=tuple(speed_by_angle[abs(angle)] for angle in angles_deg),
    )


def parse_model_metadata(data: Mapping[str, Any], *, source: str) -> ActionSpace:
    """Read the action space out of the content of a `model_metadata.json`.

    Args:
        data: the parsed file.
        source: what to call it in an error, usually its path.

    Raises:
        BadFileError: the action space is missing or ill-formed.
    """
    if "action_space" not in data:
        raise BadFileError(f"{source} has no 'action_space'; expected DeepRacer's model_metadata.json.")
    actions = data["action_space"]
    kind = data.get("action_space_type", "continuous" if isinstance(actions, Mapping) else "discrete")
    try:
        if kind == "discrete":
            return _parse_discrete(actions)
        if kind == "continuous":
            return _parse_continuous(actions)
    except BadFileError as error:
        raise BadFileError(f"{source}: {error}") from error
    raise BadFileError(f"{source}: 'action_space_type' is {kind!r}; expected 'discrete' or 'continuous'.")


def load_model_metadata(path: Path) -> ActionSpace:
    """Read the action space out of the file `path`.

    Raises:
        BadFileError: the file is missing, not JSON, or its action space is ill-formed.
    """
    return parse_model_metadata(read_json_object(path), source=str(path))


def to_model_metadata(space: ActionSpace) -> dict[str, Any]:
    """Return the content of a `model_metadata.json` that DeepRacer's own tools accept."""
    actions: Any
    if isinstance(space, DiscreteActionSpace):
        pairs = zip(space.steering_rad, space.speed_mps, strict=True)
        actions = [
            {"steering_angle": _degrees(steering), "speed": speed, "index": index}
            for index, (steering, speed) in enumerate(pairs)
        ]
    else:
        actions = {
            "steering_angle": {
                "low": _degrees(space.steering_low_rad),
                "high": _degrees(space.steering_high_rad),
            },
            "speed": {"low": space.speed_low_mps, "high": space.speed_high_mps},
        }
    return {
        "action_space": actions,
        "action_space_type": "discrete" if isinstance(space, DiscreteActionSpace) else "continuous",
        "sensor": ["FRONT_FACING_CAMERA"],
        "neural_network": "DEEP_CONVOLUTIONAL_NETWORK_SHALLOW",
        "training_algorithm": "clipped_ppo",
        "version": "5",
    }


def _parse_discrete(actions: object) -> DiscreteActionSpace:
    if not isinstance(actions, Sequence) or isinstance(actions, str):
        raise BadFileError(f"a discrete action space is a list of actions, not a {type(actions).__name__}.")
    steering_rad, speed_mps = [], []
    for index, action in enumerate(actions):
        if not isinstance(action, Mapping):
            raise BadFileError(
                f"action {index} is {action!r}; expected an object with 'steering_angle' and 'speed'."
            )
        where = f"action {index}"
        steering_rad.append(math.radians(finite_number(action, "steering_angle", where=where)))
        speed_mps.append(finite_number(action, "speed", where=where))
    return DiscreteActionSpace(tuple(steering_rad), tuple(speed_mps))


def _parse_continuous(actions: object) -> ContinuousActionSpace:
    if not isinstance(actions, Mapping):
        raise BadFileError(
            "a continuous action space is an object with 'steering_angle' and 'speed', "
            f"not a {type(actions).__name__}."
        )
    limits: dict[str, float] = {}
    for quantity in ("steering_angle", "speed"):
        span = actions.get(quantity)
        if not isinstance(span, Mapping):
            raise BadFileError(f"{quantity!r} is {span!r}; expected an object with 'low' and 'high'.")
        for end in ("low", "high"):
            limits[f"{quantity} {end}"] = finite_number(span, end, where=repr(quantity))
    return ContinuousActionSpace(
        steering_low_rad=math.radians(limits["steering_angle low"]),
        steering_high_rad=math.radians(limits["steering_angle high"]),
        speed_low_mps=limits["speed low"],
        speed_high_mps=limits["speed high"],
    )


def _check_limits(where: str, steering_rad: float, speed_mps: float) -> None:
    # Written so that NaN fails too.
    if not abs(steering_rad) <= MAX_STEERING_RAD:
        limit_deg = _degrees(MAX_STEERING_RAD)
        raise BadFileError(
            f"{where} steers {_degrees(steering_rad)} degrees; expected at most {limit_deg:g}."
        )
    if not 0.0 <= speed_mps <= MAX_SPEED_MPS:
        raise BadFileError(
            f"{where} drives {speed_mps} m/s; expected 0 to {MAX_SPEED_MPS:g}, never backwards."
        )


def _checked_output(values: ArrayLike, size: int) -> NDArray[np.float64]:
    output = np.asarray(values, dtype=np.float64)
    if output.shape != (size,):
        raise Sim2RaceError(f"The policy's output has shape {output.shape}; expected ({size},).")
    if not np.isfinite(output).all():
        raise Sim2RaceError(f"The policy's output is not finite: {output.tolist()}.")
    return output


def _degrees(radians: float) -> float:
    """Return degrees as a person would have typed them, without the last digits that the conversion adds."""
    return round(math.degrees(radians), 9)
