"""A person's hand on the console's live page, for `sim2race bench faults`: it asks as a browser does."""

from __future__ import annotations

import http.client
import json
import re
import threading
import uuid
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

BEAT_S = 0.05
"""As the page does."""
TIMEOUT_S = 10.0
"""The first beat of a press is answered when the car is armed."""
ANGLE, THROTTLE = 0.3, 0.3


class PageHand:
    """Presses, and holds on until it is told to let go; a context manager.

    Args:
        console_output: file that the console writes to, with the page's address in it.
    """

    def __init__(self, console_output: Path) -> None:
        self._output = console_output
        self._press = ""
        """Name of the press that is held; empty while nobody holds."""
        self._ended = threading.Event()
        self.problem = "the console has not said its address"
        """What the console said last, when it did not take a beat."""
        self._thread = threading.Thread(target=self._run, name="page-hand", daemon=True)
        self._thread.start()

    def __enter__(self) -> PageHand:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(TIMEOUT_S)

    def hold(self) -> None:
        """Press anew, again and again until the console takes it, and hold on."""
        self._press = uuid.uuid4().hex

    def let_go(self) -> None:
        """Send nothing more, as a browser whose console does not answer."""
        self._press = ""

    def _run(self) -> None:
        while not self._ended.wait(BEAT_S):
            if not self._press:
                continue
            try:
                self._keep_pressed(self._press)
            except (OSError, http.client.HTTPException) as error:
                self.problem = f"the console does not answer: {error}"

    def _keep_pressed(self, press: str) -> None:
        address = self._address()
        if not address:
            return
        connection = http.client.HTTPConnection(address, timeout=TIMEOUT_S)
        try:
            connection.request("GET", "/live")
            page = connection.getresponse().read().decode()
            token = re.search(r'name="change-token" content="([^"]+)"', page)
            headers = {"Content-Type": "application/json", "X-Sim2Race-Change": token[1] if token else ""}
            beat = {"press": press, "manual": True, "angle": ANGLE, "throttle": THROTTLE}
            was_taken = False
            while press == self._press and not self._ended.wait(BEAT_S):
                connection.request("POST", "/api/live/beat", json.dumps(beat), headers)
                answer = connection.getresponse()
                said = answer.read().decode(errors="replace")
                if answer.status != http.client.OK:
                    self.problem = said.strip()
                    # This press is dead. The next one may be taken; but that a car which has stopped drives
                    # again, is for whoever holds to decide.
                    if press == self._press:
                        self._press = "" if was_taken else uuid.uuid4().hex
                    return
                was_taken, self.problem = True, "it takes every beat"
        finally:
            connection.close()

    def _address(self) -> str:
        """Return host and port of the page, or nothing as long as the console has not said them."""
        written = self._output.read_text(errors="replace") if self._output.exists() else ""
        found = re.search(r"http://\S+", written)
        return urlsplit(found[0]).netloc if found else ""
