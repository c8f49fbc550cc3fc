"""Two processes never drive the same chip, whatever they call it."""

from __future__ import annotations

from pathlib import Path

import pytest

from car.errors import Sim2RaceError
from car.pwm import make_fake_sysfs
from car.pwm_claim import claim_output


def test_a_chip_belongs_to_one_driver_by_any_of_its_names(tmp_path: Path) -> None:
    chip = make_fake_sysfs(tmp_path / "i2c-7")
    other = tmp_path / "class"
    other.mkdir()
    (other / "pwmchip4").symlink_to(chip)
    claim = claim_output(str(chip))
    assert claim is not None
    for name in (str(chip), f"{other}", f"{other}@i2c-7", f"{other}+gpio514"):
        with pytest.raises(Sim2RaceError, match="Another process drives"):
            claim_output(name)
    claim.close()
    again = claim_output(f"{other}@i2c-7")
    assert again is not None
    again.close()


def test_two_chips_have_two_drivers(tmp_path: Path) -> None:
    claims = [claim_output(str(make_fake_sysfs(tmp_path / name))) for name in ("a", "b")]
    claims += [claim_output(name) for name in ("pca9685:250", "pca9685:250:0x41")]
    with pytest.raises(Sim2RaceError, match="Another process"):
        claim_output("pca9685:250:0x40+gpio514")
    for claim in claims:
        assert claim is not None
        claim.close()


def test_a_dry_run_is_nobodys_and_a_chip_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert claim_output("dry-run") is claim_output("dry-run") is None
    with pytest.raises(Sim2RaceError, match="found none"):
        claim_output(str(tmp_path))
