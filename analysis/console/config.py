"""What the console is told on the command line."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from car.models import DEFAULT_FOLDER


@dataclass(frozen=True)
class ConsoleConfig:
    """Replay car logs in a browser: what the car saw, did and looked at."""

    logs: Path = Path("runs/logs")
    """Folder of car logs, SIM_TRACE and metrics files of a simulator, or one of them. Left out: where
    `sim2race drive` writes."""
    host: str = "127.0.0.1"
    """Address to listen on. Any other than this machine's own needs the token that is printed at start."""
    port: int = 8432
    """Port to listen on; 0 takes a free one."""
    models: Path = DEFAULT_FOLDER
    """Folder of installed models, to lay beside the one that drove."""
    live: bool = False
    """Show the running car of this ROS 2 domain, with a hand on it: needs ROS 2."""
    policy: Path | None = None
    """For --live: the policy that drives, where the graph's own copy lies on another machine."""
    log: str | None = None
    """Name of the log to open first."""
    open_browser: bool = False
    """Open the page in the default browser."""

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the console."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
