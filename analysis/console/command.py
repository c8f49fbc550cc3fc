"""`sim2race console`: serve the console and say where it is."""

from __future__ import annotations

import importlib
import threading
import webbrowser
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from analysis.console.config import ConsoleConfig
from analysis.console.live import Live
from analysis.console.live_feed import LiveFeed
from analysis.console.server import ConsoleServer
from car.errors import Sim2RaceError, unknown_name


def run(config: ConsoleConfig) -> int:
    """Serve until Ctrl-C.

    Raises:
        Sim2RaceError: the folder does not exist, no log has that name, or the port is taken.
    """
    console = Console()
    make_default_folder(config)
    with ExitStack() as stack:
        graph = _open_graph(stack, config.policy) if config.live else None
        return _serve(console, config, graph)


def make_default_folder(config: ConsoleConfig) -> None:
    """Make the folder that the first drive would make; one that was named must be there."""
    if config.logs == ConsoleConfig.logs:
        config.logs.mkdir(parents=True, exist_ok=True)


def _open_graph(stack: ExitStack, policy: Path | None) -> Live:
    """Join the node graph.

    Raises:
        Sim2RaceError: ROS 2 is missing.
    """
    try:
        # The nodes build on this package and not the reverse; only this command knows both.
        client = importlib.import_module("sim2race_car.live_client")
    except ImportError as error:
        raise Sim2RaceError(f"ROS 2 is missing ({error}); run make setup, or source your ROS 2.") from error
    feed = LiveFeed()
    return Live(feed, stack.enter_context(client.LiveClient(feed)), policy)


def _serve(console: Console, config: ConsoleConfig, graph: Live | None) -> int:
    server = ConsoleServer(config, live_graph=graph)
    entries = server.app.config["LIBRARY"].entries()
    path = "/live" if graph else "/"
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
