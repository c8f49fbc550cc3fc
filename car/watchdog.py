"""The thread that looks at the clock while everything else may be busy or stuck."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from car.drive import DriveController
from car.drive_report import DriveReport

PERIOD_S = 0.005
"""Time between two looks: it adds at most this much to the drive's deadline."""


class Watchdog:
    """Calls `tick` of a drive controller for as long as it lives.

    It is a thread of its own, so that a callback that hangs or a queue that floods cannot keep the car from
    stopping.

    Args:
        controller: is looked after.
        on_change: is given every report that a tick brought, on the watchdog's thread.
        beat: is called after every tick, so that a guard sees that the deadline is being watched; where it
            raises OSError, nobody guards the car any more, and it stops.
    """

    def __init__(
        self,
        controller: DriveController,
        on_change: Callable[[DriveReport], object],
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self._controller = controller
        self._on_change = on_change
        self._beat = beat
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join(timeout=1.0)

    def _run(self) -> None:
        while not self._stop.wait(PERIOD_S):
            report = self._look()
            if report is None:
                continue
            # A report that nobody takes, as while ROS 2 shuts down, must not end the watch.
            with contextlib.suppress(Exception):
                self._on_change(report)

    def _look(self) -> DriveReport | None:
        """Tick and beat; whatever goes wrong stops the car, and the watch goes on."""
        try:
            report = self._controller.tick()
            self._beat()
            return self._controller.block("guard", "") or report
        except OSError as error:
            return self._controller.block("guard", str(error))
        except Exception as error:
            # No heartbeat either: if the stop fails too, the guard takes over.
            with contextlib.suppress(Exception):
                return self._controller.stop(f"the watch over the deadline failed: {error}")
            return None
