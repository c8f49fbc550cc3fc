"""The power gate: 0 is powered, 1 is cut, and nothing but a person brings the power back."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from car.errors import Sim2RaceError
from car.gpio import GatedPwm, SysfsGate
from car.pwm import Pwm, RecordingPwm


def _make_line(root: Path, line: int) -> Path:
    folder = root / f"gpio{line}"
    folder.mkdir()
    (folder / "direction").write_text("in\n")
    (folder / "value").write_text("1\n")
    return folder


def test_the_line_is_driven_low_for_power_and_high_to_cut(tmp_path: Path) -> None:
    direction = _make_line(tmp_path, 514) / "direction"
    gate = SysfsGate(514, root=tmp_path)
    assert direction.read_text() == "in\n", "opening switches nothing"
    gate.switch_on()
    assert direction.read_text() == "low\n"
    gate.cut()
    assert direction.read_text() == "high\n"


def test_the_level_is_read_from_the_line(tmp_path: Path) -> None:
    value = _make_line(tmp_path, 436) / "value"
    gate = SysfsGate(436, root=tmp_path)
    assert not gate.powered
    value.write_text("0\n")
    assert gate.powered


def test_a_line_is_asked_for_and_awaited(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "export")

    def kernel() -> None:
        asked = (tmp_path / "export").read_text()
        _make_line(tmp_path, int(asked))

    thread = threading.Thread(target=kernel)
    thread.start()
    SysfsGate(514, root=tmp_path).switch_on()
    thread.join(timeout=5.0)
    assert (tmp_path / "gpio514" / "direction").read_text() == "low\n"


def test_a_machine_without_such_a_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Sim2RaceError, match=r"GPIO line 514 in .* cannot be used"):
        SysfsGate(514, root=tmp_path / "none")


def test_the_first_pulses_bring_the_power_and_after_a_cut_only_a_person_does(tmp_path: Path) -> None:
    direction = _make_line(tmp_path, 514) / "direction"
    recording = RecordingPwm()
    output = GatedPwm(recording, SysfsGate(514, root=tmp_path))
    assert direction.read_text() == "in\n"
    output.write(Pwm(1, 2))
    assert direction.read_text() == "low\n"
    output.cut()
    output.write(Pwm(3, 4))
    assert direction.read_text() == "high\n"
    output.switch_on()
    assert direction.read_text() == "low\n"
    assert recording.writes == [Pwm(1, 2), Pwm(3, 4)]


def test_without_pulses_there_is_no_power(tmp_path: Path) -> None:
    class Broken(RecordingPwm):
        def write(self, pwm: Pwm) -> None:
            raise OSError("no chip")

    direction = _make_line(tmp_path, 514) / "direction"
    with pytest.raises(OSError, match="no chip"):
        GatedPwm(Broken(), SysfsGate(514, root=tmp_path)).write(Pwm(1, 2))
    assert direction.read_text() == "in\n"


def test_closing_cuts_the_power_and_closes_the_output_even_if_the_gate_is_gone(tmp_path: Path) -> None:
    folder = _make_line(tmp_path, 514)
    first, second = RecordingPwm(), RecordingPwm()
    output = GatedPwm(first, SysfsGate(514, root=tmp_path))
    output.close()
    assert (folder / "direction").read_text() == "high\n"
    assert first.closed
    output = GatedPwm(second, SysfsGate(514, root=tmp_path))
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    output.close()
    assert second.closed
