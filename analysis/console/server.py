"""The console as a running server, in this process: for the command, the picture and the tests."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any
from urllib.parse import quote

from flask import Flask
from waitress.server import create_server

from analysis.console.app import create_app
from analysis.console.config import ConsoleConfig
from car.errors import Sim2RaceError

_THREADS = 8


class ConsoleServer:
    """Serves the console until closed; also a context manager that serves from a thread.

    Args:
        config: what to serve and where.

    Raises:
        Sim2RaceError: the address cannot be listened on.
    """

    def __init__(self, config: ConsoleConfig) -> None:
        self.app: Flask = create_app(config)
        self._host = config.host
        try:
            self._server: Any = create_server(
                self.app, host=config.host, port=config.port, threads=_THREADS, ident="sim2race"
            )
        except OSError as error:
            raise Sim2RaceError(
                f"Cannot listen on {config.host}:{config.port}: {error.strerror or error}; "
                "choose another with --port."
            ) from error
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.effective_port)

    def url(self, path: str = "/") -> str:
        """Return the address of a page, with the token where one is needed."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        token: str | None = self.app.config["TOKEN"]
        query = f"?token={quote(token)}" if token else ""
        return f"http://{host}:{self.port}{path}{query}"

    def serve(self) -> None:
        """Serve until `close` or Ctrl-C."""
        self._server.run()

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.close()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def __enter__(self) -> ConsoleServer:
        self._thread = threading.Thread(target=self._server.run, name="console", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
