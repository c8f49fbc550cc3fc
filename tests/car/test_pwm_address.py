"""One word names any output, and a wrong word is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from car.errors import Sim2RaceError
from car.gpio import GatedPwm
from car.pwm import Pwm, RecordingPwm, SysfsPwm, find_chip, make_fake_sysfs, read_sysfs_pwm
from car.pwm_address import absolute_address, open_output, split_gate

NEUTRAL = Pwm(1_450_000, 1_446_000)


@pytest.fixture
def class_folder(tmp_path: Path) -> Path:
    """Two chips as the kernel shows them: links into its tree of devices, one on i2c-1, one on i2c-10."""
    links = tmp_path / "class" / "pwm"
    links.mkdir(parents=True)
    for number, bus in enumerate(("i2c-10", "i2c-1")):
        device = tmp_path / "devices" / "platform" / bus / "x-0040" / "pwm"
        chip = make_fake_sysfs(device)
        chip.rename(device / f"pwmchip{number}")
        (links / f"pwmchip{number}").symlink_to(device / f"pwmchip{number}")
    return links


def test_a_chip_is_found_by_its_bus_and_not_by_one_that_begins_alike(class_folder: Path) -> None:
    assert find_chip(class_folder, bus="i2c-1").name == "pwmchip1"
    assert find_chip(class_folder, bus="i2c-10").name == "pwmchip0"
    with pytest.raises(Sim2RaceError, match="on the bus i2c-2, found none"):
        find_chip(class_folder, bus="i2c-2")
    with pytest.raises(Sim2RaceError, match="found 2 of them"):
        find_chip(class_folder)


def test_a_folder_and_a_bus_name_a_sysfs_chip(class_folder: Path) -> None:
    output = open_output(f"{class_folder}@i2c-1", NEUTRAL)
    assert isinstance(output, SysfsPwm)
    output.write(NEUTRAL)
    output.close()
    assert read_sysfs_pwm(class_folder / "pwmchip1") == NEUTRAL
    assert read_sysfs_pwm(class_folder / "pwmchip0") == Pwm(0, 0)
    open_output(str(class_folder / "pwmchip0"), NEUTRAL).close()


def test_a_gate_is_powered_after_the_first_pulses_and_cut_at_the_end(
    class_folder: Path, tmp_path: Path
) -> None:
    line = tmp_path / "gpio514"
    line.mkdir()
    (line / "direction").write_text("in\n")
    (line / "value").write_text("1\n")
    output = open_output(f"{class_folder}@i2c-1+gpio514", NEUTRAL, gpio_root=tmp_path)
    assert isinstance(output, GatedPwm)
    assert (line / "direction").read_text() == "in\n"
    output.write(NEUTRAL)
    assert read_sysfs_pwm(class_folder / "pwmchip1") == NEUTRAL
    assert (line / "direction").read_text() == "low\n"
    output.close()
    assert (line / "direction").read_text() == "high\n"


def test_only_a_number_at_the_end_names_a_gate() -> None:
    assert split_gate("/sys/class/pwm@i2c-0+gpio514") == (
        "/sys/class/pwm@i2c-0",
        (514, Path("/sys/class/gpio")),
    )
    assert split_gate("pca9685+/tmp/lines/gpio7") == ("pca9685", (7, Path("/tmp/lines")))
    assert split_gate("/a+gpio/pwm") == ("/a+gpio/pwm", None)
    assert split_gate("pca9685") == ("pca9685", None)


def test_an_address_can_be_understood_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_address("pwm@i2c-1+gpio514") == f"{tmp_path}/pwm@i2c-1+gpio514"
    for address in ("/sys/class/pwm@i2c-0+gpio514", "pca9685:1:0x41+gpio7", "pca9685", "dry-run"):
        assert absolute_address(address) == address


def test_a_dry_run_goes_nowhere_and_does_not_grow() -> None:
    output = open_output("dry-run", NEUTRAL)
    assert isinstance(output, RecordingPwm)
    for _ in range(1000):
        output.write(NEUTRAL)
    assert len(output.writes) == 100


@pytest.mark.parametrize("address", ["pca9685:one", "pca9685:1:0x40:2", "pca9685:-1", "pca9685:1:0x99"])
def test_an_ill_formed_chip_is_refused(address: str) -> None:
    with pytest.raises(Sim2RaceError, match=r"expected pca9685:BUS:ADDRESS"):
        open_output(address, NEUTRAL)


def test_the_bus_of_a_chip_is_taken_from_the_address() -> None:
    with pytest.raises(Sim2RaceError, match="/dev/i2c-251"):
        open_output("pca9685:251:0x41", NEUTRAL)
