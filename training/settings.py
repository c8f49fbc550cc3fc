"""Settings of a training by dotted name, as in `ppo.epochs=4`: read, checked and put into a configuration."""

from __future__ import annotations

import dataclasses
import json
import shlex
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from car.errors import Sim2RaceError, unknown_name
from training.config_file import config_from_data, config_to_data
from training.train_config import TrainConfig

NOT_VARIED = ("name", "runs", "resume")
"""Fields that say where a run is kept, not what it is."""


def setting_kinds(kind: Any = TrainConfig, prefix: str = "") -> dict[str, Any]:
    """Return the type of every setting by its dotted name."""
    hints = typing.get_type_hints(kind)
    kinds: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        name, hint = f"{prefix}{field.name}", hints[field.name]
        if dataclasses.is_dataclass(hint):
            kinds |= setting_kinds(hint, f"{name}.")
        elif name not in NOT_VARIED:
            kinds[name] = hint
    return kinds


def with_settings(config: TrainConfig, changes: Mapping[str, Any]) -> TrainConfig:
    """Return a configuration with some settings changed.

    Args:
        config: what the others are taken from.
        changes: values by dotted name, as JSON has them.

    Raises:
        Sim2RaceError: no setting has that name, or a value is of the wrong type or out of range.
    """
    data = config_to_data(config)
    for name, value in changes.items():
        _check(name)
        *parents, last = name.split(".")
        place = data
        for parent in parents:
            place = place[parent]
        place[last] = config_to_data(value)
    return config_from_data(TrainConfig, data, where=", ".join(changes) or "the settings")


def options_of(config: TrainConfig, usual: TrainConfig, prefix: str) -> str:
    """Return the options of a command line that turn one configuration into another, each with its prefix."""
    data, before = config_to_data(config), config_to_data(usual)
    words = []
    for name in setting_kinds():
        value, old = (_at(place, name) for place in (data, before))
        *parents, last = name.replace("_", "-").split(".")
        if value == old:
            continue
        if isinstance(value, bool):
            words.append("--" + ".".join([prefix, *parents, last if value else f"no-{last}"]))
            continue
        words.append("--" + ".".join([prefix, *parents, last]))
        words += map(str, value) if isinstance(value, list) else [str(value)]
    return shlex.join(words)


def _at(data: Any, name: str) -> Any:
    for part in name.split("."):
        data = data[part]
    return data


def parse_vary(text: str) -> tuple[str, list[Any]]:
    """Read `name=value,value`; a list's items are joined by `+`, and a JSON list of values goes too.

    Raises:
        Sim2RaceError: it has another form, or no setting has that name.
    """
    name, equals, values = text.partition("=")
    if not equals or not name or not values:
        raise Sim2RaceError(f"--vary {text!r}; expected a setting and its values, as in ppo.epochs=2,4.")
    kind = _check(name)
    if values.startswith("["):
        try:
            listed = json.loads(values)
        except json.JSONDecodeError as error:
            raise Sim2RaceError(f"--vary {text!r} is not JSON: {error.msg}.") from error
        return name, list(listed)
    return name, [_read(kind, value) for value in values.split(",")]


def _check(name: str) -> Any:
    """Return the type of a setting."""
    kinds = setting_kinds()
    if name not in kinds:
        raise unknown_name("setting", name, kinds)
    return kinds[name]


def _read(kind: Any, text: str) -> Any:
    """Turn what was typed into data of a type; what does not fit is left to the check that follows."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if text.lower() == "none" and type(None) in arguments:
            return None
        return _read(next(one for one in arguments if one is not type(None)), text)
    if origin is tuple:
        return [_read(arguments[0], item) for item in text.split("+")]
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind in (int, float):
        for number in (int, float):
            try:
                return number(text.replace("_", ""))
            except ValueError:  # noqa: PERF203 - two types
                continue
    return str(Path(text)) if kind is Path else text
