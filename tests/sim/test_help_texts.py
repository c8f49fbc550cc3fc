"""What can be chosen by name is named in the help."""

from __future__ import annotations

import pytest
import tyro

from analysis.exam_command import ExamConfig
from sim.camera import CAMERAS
from sim.limit_command import LimitConfig
from sim.simulator import SimConfig
from sim.vehicle_parameters import VEHICLES
from sim.view import ViewConfig
from sim2race_car.drive_command import DriveConfig
from training.evaluate import EvaluateConfig
from training.matrix import MatrixConfig

COMMANDS = (SimConfig, ViewConfig, LimitConfig, EvaluateConfig, MatrixConfig, ExamConfig, DriveConfig)


@pytest.mark.parametrize("config", COMMANDS)
def test_the_help_names_every_preset(
    config: type, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit):
        tyro.cli(config, args=["--help"])
    options = capsys.readouterr().out.split("--")
    (vehicle,) = (text for text in options if text.startswith("vehicle "))
    assert all(name in vehicle for name in VEHICLES)
    for text in options:
        if text.startswith("camera "):
            assert all(name in text for name in CAMERAS)
            assert "calibration file" in text
