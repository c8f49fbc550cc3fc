"""`sim2race console`: serve the console and say where it is."""

from __future__ import annotations

import threading
import webbrowser

from rich.console import Console

from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from car.errors import unknown_name


def run(config: ConsoleConfig) -> int:
    """Serve until Ctrl-C.

    Raises:
        Sim2RaceError: the folder does not exist, no log has that name, or the port is taken.
    """
    console = Console()
    server = ConsoleServer(config)
    entries = server.app.config["LIBRARY"].entries()
    path = "/"
    if config.log is not None:
        named = {entry.name: entry for entry in entries}
        if config.log not in named:
            server.close()
            raise unknown_name("log", config.log, named)
        path = f"/log/{named[config.log].id}"
    address = server.url(path)
    plural = "" if len(entries) == 1 else "s"
    console.print(f"{len(entries)} car log{plural} in {config.logs}", highlight=False)
    console.print(f"Console: {address}  (Ctrl-C stops it)", highlight=False, soft_wrap=True)
    if config.open_browser:
        threading.Timer(0.5, webbrowser.open, args=(address,)).start()
    try:
        server.serve()
    except KeyboardInterrupt:
        pass  # Pressed before the server had begun to wait; while it waits, it ends by itself.
    finally:
        server.close()
    console.print("Stopped.")
    return 0
