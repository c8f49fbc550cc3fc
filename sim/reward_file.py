"""A user's reward function: a Python file with `reward_function(params)`, run as it is.

As in the reference simulator, what the file keeps in global variables stays from step to step and from
episode to episode. There a worker has one car; here a batch has many, so every car runs a copy of the
module of its own, and code such as "the steering angle of the step before" means this car's.
"""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from car.errors import BadFileError

FUNCTION = "reward_function"
LARGEST = 1e5
"""Largest reward, to either side, that the reference accepts."""


class RewardFile:
    """A user's reward function, called once per car and step.

    Calling a Python function for every car is a loop that nothing here can avoid. With a function of a few
    lines it costs about 7 microseconds a car and step, half a millisecond for 64; the built-in reward takes
    a few microseconds for all of them.

    Args:
        path: where the file is.
        code: the compiled file.
    """

    def __init__(self, path: Path, code: CodeType) -> None:
        self.path = path
        self._code = code
        self._functions: dict[int, Callable[[dict[str, Any]], Any]] = {}

    @classmethod
    def load(cls, path: str | Path) -> RewardFile:
        """Read a file and run it once, so that what is wrong with it shows at once.

        Raises:
            BadFileError: the file is missing, is no Python, fails when imported, or has no
                `reward_function`; in one line with the line number.
        """
        path = Path(path)
        try:
            code = compile(path.read_bytes(), str(path), "exec")
        except OSError as error:
            raise BadFileError(f"Cannot read the reward file {path}: {error.strerror}.") from error
        except SyntaxError as error:
            raise BadFileError(f"{path}, line {error.lineno}: {error.msg}.") from error
        except ValueError as error:
            raise BadFileError(f"{path} is no Python file: {error}.") from error
        loaded = cls(path, code)
        loaded._functions[0] = loaded._import()
        return loaded

    def reward(self, params: Mapping[str, Any], *, car: int = 0) -> float:
        """Return what the user's function says.

        Args:
            params: DeepRacer's params; a dictionary that the function may change.
            car: whose copy of the module to ask.

        Raises:
            BadFileError: the function fails, or returns anything but a number within 1e5.
        """
        function = self._functions.get(car)
        if function is None:
            function = self._functions[car] = self._import()
        try:
            answer = function(params)  # type: ignore[arg-type]
        except Exception as error:
            raise self._failure(error) from error
        try:
            reward = float(answer)
        except (TypeError, ValueError):
            reward = math.nan
        # A comparison with NaN is false as well.
        if not abs(reward) <= LARGEST:
            line = function.__code__.co_firstlineno if hasattr(function, "__code__") else "?"
            raise BadFileError(
                f"{self.path}, line {line}: {FUNCTION} returned {answer!r:.60}; "
                f"expected a finite number in -{LARGEST:g} to {LARGEST:g}."
            )
        return reward

    def _import(self) -> Callable[[dict[str, Any]], Any]:
        """Run the file as a new module and return its function."""
        module = ModuleType(FUNCTION)
        module.__file__ = str(self.path)
        # Some of the standard library (dataclasses) looks a class's module up while the class is made.
        before = sys.modules.get(FUNCTION)
        sys.modules[FUNCTION] = module
        try:
            exec(self._code, vars(module))
        except Exception as error:
            raise self._failure(error) from error
        finally:
            if before is None:
                del sys.modules[FUNCTION]
            else:
                sys.modules[FUNCTION] = before
        function = getattr(module, FUNCTION, None)
        if not callable(function):
            raise BadFileError(f"{self.path} has no function {FUNCTION}(params).")
        return function  # type: ignore[no-any-return]

    def _failure(self, error: Exception) -> BadFileError:
        """Return an exception of the user's code as one line with the last line of it that ran."""
        lines = [
            frame.lineno
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename == str(self.path)
        ]
        line = lines[-1] if lines else "?"
        said = " ".join(str(error).split())
        return BadFileError(f"{self.path}, line {line}: {type(error).__name__}: {said}"[:300])
