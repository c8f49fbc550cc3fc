"""Where numba keeps compiled code: a folder of its own for every state of the sources that it compiles.

Numba notices a change of the file that a function stands in, not of the files whose functions it calls;
after an update it would go on running the old physics. A folder named by all of them cannot be stale.

A process that compiles the pixel loops itself joins their machine code in another way than one that loads it,
and some sums are rounded otherwise. So another process compiles, and whoever drives loads: the first drive
after an update gives the same bytes as every later one.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import llvmlite.binding
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


LONGEST_COMPILING_S = 600.0
"""How long to wait for compiled code: half a minute is usual, on a car several."""
_COMPILES = "SIM2RACE_COMPILES"
"""Variable that tells the process that compiles."""


def use_own_cache() -> Path:
    """Point numba to the folder for these sources; `NUMBA_CACHE_DIR` wins if set.

    Returns:
        The folder.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        return Path(os.environ["NUMBA_CACHE_DIR"])
    digest = _digest()
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "sim2race" / "numba" / digest
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        # A read-only home costs compiling anew after a restart, nothing else.
        folder = _own_temporary_folder(f"sim2race-numba-{os.getuid()}-{digest}")
    # An attribute that numba makes at run time.
    vars(numba.config)["CACHE_DIR"] = str(folder)
    return folder


def _own_temporary_folder(name: str) -> Path:
    """Return a folder for temporary files that nobody else can have put anything into: numba unpickles it."""
    folder = Path(tempfile.gettempdir()) / name
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
        return folder
    return Path(tempfile.mkdtemp(prefix=f"{name}-"))


def compile_ahead() -> None:
    """See to it that everything compiled is in the cache, before the first picture of this process.

    Returns without it where that is impossible, as with a read-only cache: then this process compiles for
    itself, and its pictures may differ from others in the last bit of a few sums.
    """
    settings = vars(numba.config)
    folder = Path(settings["CACHE_DIR"])
    complete = folder / f"complete-{_installation()}"
    if _COMPILES in os.environ or settings["DISABLE_JIT"] or complete.exists():
        return
    with contextlib.suppress(OSError, subprocess.SubprocessError), _alone(folder / "lock"):
        if complete.exists():
            return
        print("Compiling the simulator for this machine, once: about half a minute.", file=sys.stderr)
        paths = os.pathsep.join(os.path.abspath(path) for path in sys.path)
        environment = {**os.environ, _COMPILES: "1", "PYTHONPATH": paths}
        command = [sys.executable, "-m", "sim.compile_all"]
        # The folder that it runs in comes before all paths, so no other package is taken for this one.
        ours = Path(__file__).parent.parent
        subprocess.run(command, env=environment, cwd=ours, check=True, timeout=LONGEST_COMPILING_S)
        complete.touch()


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Hold a lock that one process can have.

    Raises:
        TimeoutError: another one keeps it for too long.
    """
    deadline_s = time.monotonic() + LONGEST_COMPILING_S
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline_s:
                    raise TimeoutError(f"{path} stays locked") from None
                time.sleep(0.1)
        yield


def _installation() -> str:
    """Return what compiled code depends on besides the sources' content, as a name.

    Numba looks compiled code up by its source's place and time, too.
    """
    sources = [
        (str(source), source.stat().st_mtime_ns) for source in _compiled_sources(Path(__file__).parent)
    ]
    machine = (numba.__version__, platform.python_version(), llvmlite.binding.get_host_cpu_name())
    return hashlib.sha256(repr((_digest(), sources, machine)).encode()).hexdigest()[:16]


def _digest() -> str:
    """Return a name for this state of all compiled sources."""
    digest = hashlib.sha256()
    for source in _compiled_sources(Path(__file__).parent):
        digest.update(source.name.encode() + source.read_bytes())
    return digest.hexdigest()[:16]


def _compiled_sources(folder: Path) -> list[Path]:
    """Return the files that hold compiled functions, and those that they take their numbers from."""
    names = set()
    for source in folder.glob("*.py"):
        text = source.read_text(encoding="utf-8")
        if "\n@njit" in text:
            names |= {source.stem, *re.findall(r"^from sim\.(\w+) import", text, re.MULTILINE)}
    return [folder / f"{name}.py" for name in sorted(names)]
