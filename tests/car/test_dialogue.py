"""A person at the terminal: whatever comes from the keyboard ends a run of the motor."""

from __future__ import annotations

import os
import sys
import threading
from io import StringIO

import pytest
from rich.console import Console

from car.dialogue import PersonDialogue


def test_half_a_line_ends_a_run_and_its_rest_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    refreshed = threading.Event()
    with os.fdopen(reader) as keyboard:
        monkeypatch.setattr(sys, "stdin", keyboard)
        dialogue = PersonDialogue(Console(file=StringIO()))
        run = threading.Thread(target=dialogue.hold, args=("Driving.", refreshed.set, 60.0), daemon=True)
        run.start()
        assert refreshed.wait(10.0)
        os.write(writer, b"x")
        run.join(20.0)
        has_ended = not run.is_alive()
        os.close(writer)
        run.join(20.0)
    assert has_ended
