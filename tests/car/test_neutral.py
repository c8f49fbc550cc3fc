"""Neutral from outside, whatever state the calibration is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from car.calibration import default_calibration
from car.community_calibration import factory_calibration
from car.neutral import main
from car.pwm import Pwm, SysfsPwm, make_fake_sysfs, read_sysfs_pwm


@pytest.fixture
def chip(tmp_path: Path) -> Path:
    """A chip that was left at full speed."""
    folder = make_fake_sysfs(tmp_path / "pwm")
    SysfsPwm(folder).write(Pwm(1_700_000, 1_311_000))
    return folder


def test_neutral_is_the_calibrations(chip: Path, tmp_path: Path) -> None:
    content = factory_calibration().to_json()
    content["Calibration"]["Servo"]["mid"] = 1_463_000
    (tmp_path / "c.json").write_text(str(content).replace("'", '"'))
    assert main([str(chip), str(tmp_path / "c.json")]) == 0
    assert read_sysfs_pwm(chip) == Pwm(1_463_000, 1_446_000)


@pytest.mark.parametrize("rest", [[], [""], ["missing.json"]])
def test_without_a_usable_calibration_it_is_the_factorys(chip: Path, rest: list[str]) -> None:
    assert main([str(chip), *rest]) == 0
    assert read_sysfs_pwm(chip) == default_calibration().neutral


@pytest.mark.parametrize("answers", [True, False])
def test_the_power_is_cut_even_if_the_chip_does_not_answer(answers: bool, chip: Path, tmp_path: Path) -> None:
    line = tmp_path / "gpio514"
    line.mkdir()
    (line / "direction").write_text("low\n")
    (line / "value").write_text("0\n")
    address = chip if answers else tmp_path / "none"
    assert main([f"{address}+gpio514"], gpio_root=tmp_path, patience_s=0.05) == (0 if answers else 2)
    assert (line / "direction").read_text() == "high\n"


def test_a_chip_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)], patience_s=0.05) == 2
    assert "found none" in capsys.readouterr().err


def test_a_chip_that_does_not_answer_at_first_is_tried_again(
    chip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, refusals = SysfsPwm.write, [1, 2, 3]

    def write_at_last(output: SysfsPwm, pwm: Pwm) -> None:
        if refusals:
            refusals.pop()
            raise OSError("Remote I/O error")
        write(output, pwm)

    monkeypatch.setattr(SysfsPwm, "write", write_at_last)
    assert main([str(chip)], patience_s=60.0) == 0
    assert read_sysfs_pwm(chip) == default_calibration().neutral
