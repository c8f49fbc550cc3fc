"""The console as a running server, in this process: for the command, the picture and the tests."""

from __future__ import annotations

import socket
import threading
from types import TracebackType
from typing import Any
from urllib.parse import quote

from flask import Flask
from waitress import wasyncore
from waitress.server import create_server

from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from analysis.console.intake import MAX_UPLOAD_BYTES
from analysis.console.live import Live
from car.errors import Sim2RaceError

_THREADS = 8
_EVERY_ADDRESS = {"", "0.0.0.0", "::"}


class ConsoleServer:
    """Serves the console until closed; also a context manager that serves from a thread.

    Args:
        config: what to serve and where.
        live_graph: the running car to show, if any; closed with the server.

    Raises:
        Sim2RaceError: the folder does not exist, or the address cannot be listened on.
    """

    def __init__(self, config: ConsoleConfig, *, live_graph: Live | None = None) -> None:
        self.app: Flask = create_app(config, live_graph=live_graph)
        self._live = live_graph
        self._host = config.host
        listening = _listen(config.host, config.port)
        self.port: int = listening.getsockname()[1]
        """The port that is listened on."""
        self._sockets: dict[int, Any] = {}
        self._server: Any = create_server(
            self.app,
            map=self._sockets,
            sockets=[listening],
            threads=_THREADS,
            ident="sim2race",
            max_request_body_size=MAX_UPLOAD_BYTES,
        )
        self._thread: threading.Thread | None = None

    def url(self, path: str = "/") -> str:
        """Return the address of a page as others reach it, with the token where one is needed."""
        host = _own_address() if self._host in _EVERY_ADDRESS else self._host
        host = f"[{host}]" if ":" in host else host
        token: str | None = self.app.config["TOKEN"]
        query = f"?token={quote(token)}" if token else ""
        return f"http://{host}:{self.port}{path}{query}"

    def serve(self) -> None:
        """Serve until `close` or Ctrl-C."""
        self._server.run()

    def close(self) -> None:
        """Stop serving and free the port; a car that a page holds is stopped first."""
        if self._live is not None:
            self._live.close()
        if self._thread is not None and self._thread.is_alive():
            # Sockets must be closed by the thread that waits on them.
            self._server.trigger.pull_trigger(self._close_sockets)
            self._thread.join()
        else:
            self._close_sockets()
        self._server.task_dispatcher.shutdown()
        self.app.config["JOBS"].close()

    def _close_sockets(self) -> None:
        wasyncore.close_all(self._sockets, ignore_all=True)

    def __enter__(self) -> ConsoleServer:
        self._thread = threading.Thread(target=self.serve, name="console", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _own_address() -> str:
    """Return the address that this machine has in its network; nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # An address for documentation: only the route is looked up.
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on one address.

    Raises:
        Sim2RaceError: no such address on this machine, or the port is taken.
    """
    try:
        if not 0 <= port < 2**16:
            raise OverflowError("a port is a number from 0 to 65535")
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family)
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Sim2RaceError(
            f"Cannot listen on {host}:{port}: {reason}; choose another with --port."
        ) from error
