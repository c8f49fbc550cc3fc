"""Configuration dataclasses to JSON and back, so that a run can be resumed exactly as it was begun.

Reading is strict: a key too many, too few or of the wrong type is an error that says where, never a silent
default. Only a setting marked `LATER` may be missing: the file is older than it, and its default means what
there was before.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from car.errors import BadFileError

T = TypeVar("T")

LATER = {"later": True}
"""Metadata of a dataclass field that came after runs had been written without it."""


def config_to_data(config: object, *, as_before: bool = False) -> Any:
    """Turn a configuration into data that `json` can write.

    Args:
        config: a dataclass, or a value in one.
        as_before: leave out the settings marked `LATER` that have their default, as an older file does.
    """
    if dataclasses.is_dataclass(config) and not isinstance(config, type):
        fields = [
            field
            for field in dataclasses.fields(config)
            if not (as_before and field.metadata == LATER and getattr(config, field.name) == field.default)
        ]
        return {
            field.name: config_to_data(getattr(config, field.name), as_before=as_before) for field in fields
        }
    if isinstance(config, tuple | list):
        return [config_to_data(item, as_before=as_before) for item in config]
    return str(config) if isinstance(config, Path) else config


def config_from_data(kind: type[T], data: Any, *, where: str) -> T:
    """Build a configuration of type `kind` from data that `json` has read.

    Args:
        kind: a dataclass.
        data: what `config_to_data` returned for it.
        where: what to call it in an error, usually the file's path.

    Raises:
        BadFileError: a key is missing or unknown, or a value has the wrong type.
    """
    return cast(T, _build(kind, data, where))


def _build(kind: Any, data: Any, where: str) -> Any:
    """Build one value of type `kind`."""
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, data, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _build_union(arguments, data, where)
    if origin is tuple and isinstance(data, list):
        kinds = [arguments[0]] * len(data) if arguments[-1] is Ellipsis else list(arguments)
        if len(kinds) == len(data):
            return tuple(
                _build(item_kind, item, f"{where}[{index}]")
                for index, (item_kind, item) in enumerate(zip(kinds, data, strict=True))
            )
    elif origin is typing.Literal and data in arguments:
        return data
    elif kind is float and isinstance(data, int | float) and not isinstance(data, bool):
        return float(data)
    elif kind is Path and isinstance(data, str):
        return Path(data)
    elif kind in (bool, int, str, type(None)) and type(data) is kind:
        return data
    raise BadFileError(f"{where} is {data!r}; expected {_describe(kind)}.")


def _build_dataclass(kind: Any, data: Any, where: str) -> Any:
    """Build a dataclass from a mapping with exactly its fields, but for those that came later."""
    if not isinstance(data, Mapping):
        raise BadFileError(f"{where} is {data!r}; expected an object.")
    fields = dataclasses.fields(kind)
    names = [field.name for field in fields if field.name in data or field.metadata != LATER]
    odd = sorted(set(names) ^ set(data))
    if odd:
        problem = "is missing" if odd[0] in names else "is not a setting"
        raise BadFileError(f"{where}: {odd[0]!r} {problem}; the run is of another version of sim2race.")
    kinds = typing.get_type_hints(kind)
    return kind(**{name: _build(kinds[name], data[name], f"{where}: {name}") for name in names})


def _build_union(kinds: tuple[Any, ...], data: Any, where: str) -> Any:
    """Build the first of several types that accepts the data."""
    for kind in kinds:
        try:
            return _build(kind, data, where)
        except BadFileError:  # noqa: PERF203 - two or three types
            continue
    raise BadFileError(f"{where} is {data!r}; expected {' or '.join(map(_describe, kinds))}.")


def _describe(kind: Any) -> str:
    """Return a type's name as a person would say it."""
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(map(repr, typing.get_args(kind)))
    return getattr(kind, "__name__", str(kind)) if typing.get_origin(kind) is None else str(kind)
