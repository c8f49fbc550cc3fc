"""The system's Chromium, for pictures of the console and for the tests of its pages."""

from __future__ import annotations

import shutil
from pathlib import Path

from car.errors import Sim2RaceError

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

CHROMIUM_ARGUMENTS = (
    "--no-sandbox",  # Containers rarely allow one; the only page opened is our own.
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--force-color-profile=srgb",
)


def find_chromium() -> Path:
    """Return the browser's program.

    Raises:
        Sim2RaceError: none is installed; the message holds the command that does.
    """
    for name in CHROMIUM_NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    raise Sim2RaceError("Chromium is missing; install it with: sudo apt-get install -y chromium")
