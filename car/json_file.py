"""Reading JSON that somebody else wrote: every way that it can be broken becomes one line for the user."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from car.errors import BadFileError


def parse_json_object(text: str | bytes, *, source: str) -> dict[str, Any]:
    """Parse `text` as one JSON object.

    Args:
        text: the document; a byte order mark is allowed.
        source: what to call the document in an error.

    Raises:
        BadFileError: not UTF-8, not JSON, or not an object.
    """
    try:
        decoded = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        data = json.loads(decoded)
    except UnicodeDecodeError as error:
        raise BadFileError(f"{source} is not text: byte {error.start} is not UTF-8.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise BadFileError(f"{source} is not JSON: {error.msg} at {where}.") from error
    except RecursionError as error:
        raise BadFileError(f"{source} is not usable JSON: it is nested too deeply.") from error
    except ValueError as error:
        raise BadFileError(f"{source} is not usable JSON: a number in it has thousands of digits.") from error
    if not isinstance(data, dict):
        raise BadFileError(f"{source} holds a JSON {type(data).__name__}; expected an object.")
    return data


def read_json_object(path: Path) -> dict[str, Any]:
    """Read the JSON object in the file `path`.

    Raises:
        BadFileError: the file is missing, unreadable, not JSON, or not an object.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise BadFileError(f"{path} does not exist.") from error
    except OSError as error:
        raise BadFileError(f"{path} cannot be read: {error.strerror or error}.") from error
    return parse_json_object(text, source=str(path))


def finite_number(data: Mapping[str, Any], key: str, *, where: str) -> float:
    """Return `data[key]` as a float.

    Args:
        data: the object to look in.
        key: the key that must be there.
        where: what to call the object in an error.

    Raises:
        BadFileError: the key is absent, or its value is no finite number.
    """
    if key not in data:
        raise BadFileError(f"{where} has no {key!r}.")
    value = data[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadFileError(f"{where}: {key!r} is {value!r}; expected a number.")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BadFileError(f"{where}: {key!r} is {str(value)[:40]}; expected a finite number.")
    return number
