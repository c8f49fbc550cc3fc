"""Where a policy comes from and what it needs: the JSON that travels inside `policy.onnx`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from car.action_space import ActionSpace, parse_model_metadata, to_model_metadata
from car.errors import BadFileError
from car.json_file import finite_number, parse_json_object
from car.preprocess import HEIGHT, WIDTH

METADATA_KEY = "sim2race"
"""Key of the JSON text in the ONNX file's `metadata_props`."""
FORMAT_VERSION = "1"
PREPROCESSING = "luma-160x120"
SENSOR = {"type": "FRONT_FACING_CAMERA", "width": WIDTH, "height": HEIGHT, "camera": "aws"}
MAX_FRAMES = 16
MAX_HISTORY = 256


@dataclass(frozen=True, kw_only=True)
class PolicyMetadata:
    """What a policy says about itself."""

    name: str
    """What people call it; log folders begin with it."""
    action_space: ActionSpace
    """What its outputs mean."""
    network: str
    """Name of the network's architecture."""
    frames: int = 1
    """Observations that are stacked, the oldest first."""
    history: int = 0
    """Past commands that it is given, the newest last; 0 for none."""
    seed: int
    """Seed of its training."""
    tracks: tuple[str, ...]
    """Tracks that it was trained on."""
    steps: int
    """Environment steps that it was trained for."""
    git_revision: str
    """Source that trained it."""
    trained_at: str
    """When, as ISO 8601."""
    camera: str = "aws"
    """Name of the camera model that it was trained with."""
    preprocessing: str = PREPROCESSING
    """Name of what turns a picture into an observation."""

    def to_json(self) -> str:
        """Return the JSON text for the ONNX file."""
        return json.dumps(
            {
                "format_version": FORMAT_VERSION,
                "name": self.name,
                "action_space": to_model_metadata(self.action_space),
                "sensor": {**SENSOR, "camera": self.camera},
                "network": self.network,
                "preprocessing": self.preprocessing,
                "frames": self.frames,
                "history": self.history,
                "seed": self.seed,
                "tracks": list(self.tracks),
                "steps": self.steps,
                "git_revision": self.git_revision,
                "trained_at": self.trained_at,
            }
        )


def parse_policy_metadata(text: str) -> PolicyMetadata:
    """Read the JSON text of an ONNX file.

    Raises:
        BadFileError: ill-formed, of another version, or for a camera or preprocessing that the car lacks.
    """
    data = parse_json_object(text, source="its metadata")
    version = data.get("format_version")
    if version != FORMAT_VERSION:
        raise BadFileError(f"its metadata has format_version {version!r}; expected {FORMAT_VERSION!r}.")
    preprocessing = _string(data, "preprocessing")
    if preprocessing != PREPROCESSING:
        raise BadFileError(f"it needs the preprocessing {preprocessing!r}; this car has {PREPROCESSING!r}.")
    tracks = data.get("tracks")
    if not isinstance(tracks, list) or not all(isinstance(track, str) for track in tracks):
        raise BadFileError(f"its metadata: 'tracks' is {tracks!r}; expected a list of names.")
    return PolicyMetadata(
        name=_string(data, "name"),
        action_space=parse_model_metadata(_object(data, "action_space"), source="its metadata"),
        network=_string(data, "network"),
        frames=_count(data, "frames", low=1, high=MAX_FRAMES),
        history=_count(data, "history", low=0, high=MAX_HISTORY),
        seed=_count(data, "seed", low=0, high=2**63),
        tracks=tuple(tracks),
        steps=_count(data, "steps", low=0, high=2**63),
        git_revision=_string(data, "git_revision"),
        trained_at=_string(data, "trained_at"),
        camera=_camera(_object(data, "sensor")),
        preprocessing=preprocessing,
    )


def _camera(sensor: Mapping[str, Any]) -> str:
    for key in ("type", "width", "height"):
        if sensor.get(key) != SENSOR[key]:
            raise BadFileError(
                f"it needs a sensor of {key} {sensor.get(key)!r}; this car has {SENSOR[key]!r}."
            )
    return _string(sensor, "camera")


def _object(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    if not isinstance(value, Mapping):
        raise BadFileError(f"its metadata: {key!r} is {value!r}; expected an object.")
    return value


def _string(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    if not isinstance(value, str):
        raise BadFileError(f"its metadata: {key!r} is {value!r}; expected a text.")
    return value


def _count(data: Mapping[str, Any], key: str, *, low: int, high: int) -> int:
    value = finite_number(data, key, where="its metadata")
    if value != int(value) or not low <= value <= high:
        raise BadFileError(
            f"its metadata: {key!r} is {value:g}; expected a whole number from {low} to {high}."
        )
    return int(value)
