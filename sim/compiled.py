"""Where numba keeps compiled code: a folder of its own for every state of the sources that it compiles.

Numba notices a change of the file that a function stands in, not of the files whose functions it calls;
after an update it would go on running the old physics. A folder named by all of them cannot be stale.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])
_FAST: dict[str, Any] = {"cache": True, "fastmath": True, "error_model": "numpy", "_nrt": False}
"""`_nrt` is not in numba's type hints; its guide to extensions uses it (`register_jitable(_nrt=False)`)."""


def njit_fast(function: _Function) -> _Function:
    """Compile a function with loops over pixels.

    Without Python's check for a division by zero, which forbids vector instructions. And without counting
    who uses an array: all threads would do that with atomic instructions on the same counters, at every call.
    Such a function makes no array and returns none.
    """
    compiled: _Function = numba.njit(**_FAST)(function)
    return compiled


def use_own_cache() -> Path:
    """Point numba to the folder for these sources; `NUMBA_CACHE_DIR` wins if set.

    Returns:
        The folder.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return Path(os.environ["NUMBA_CACHE_DIR"])
    digest = hashlib.sha256()
    for source in _compiled_sources(Path(__file__).parent):
        digest.update(source.name.encode() + source.read_bytes())
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "sim2race" / "numba" / digest.hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        # A read-only home costs compiling anew after a restart, nothing else.
        folder = Path(tempfile.gettempdir()) / f"sim2race-numba-{os.getuid()}-{digest.hexdigest()[:16]}"
        folder.mkdir(mode=0o700, exist_ok=True)
    # An attribute that numba makes at run time.
    vars(numba.config)["CACHE_DIR"] = str(folder)
    return folder


def _compiled_sources(folder: Path) -> list[Path]:
    """Return the files that hold compiled functions, and those that they take their numbers from."""
    names = set()
    for source in folder.glob("*.py"):
        text = source.read_text(encoding="utf-8")
        if "\n@njit" in text:
            names |= {source.stem, *re.findall(r"^from sim\.(\w+) import", text, re.MULTILINE)}
    return [folder / f"{name}.py" for name in sorted(names)]
