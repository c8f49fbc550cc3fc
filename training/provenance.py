"""Where a policy comes from: the source revision and the time, for the metadata inside `policy.onnx`."""

from __future__ import annotations

import subprocess
from datetime import datetime, timezone
from pathlib import Path

NO_REVISION = "none"
"""What stands in for the revision outside a git checkout."""


def git_revision() -> str:
    """Return the commit of the source that runs, "+changes" if files differ from it; "none" outside git."""
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        return NO_REVISION
    changes = _git("status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if changes else commit


def now() -> str:
    """Return the time in UTC as ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _git(*arguments: str) -> str | None:
    """Return what git says about the folder of this file, None if it says nothing useful."""
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), *arguments],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
