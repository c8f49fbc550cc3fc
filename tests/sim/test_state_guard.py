import json
import re
from pathlib import Path

import numpy as np
import pytest

from sim.simulator import SimConfig, Simulator
from sim.state_guard import ImpossibleStateError


@pytest.mark.parametrize(("field", "value"), [("yaw_rate_radps", np.nan), ("forward_mps", 1e6)])
def test_an_impossible_state_stops_the_simulation_and_is_dumped(
    field: str, value: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    simulator = Simulator(SimConfig(noise="none"), n_cars=3, seed=4)
    for step in range(3):
        simulator.step(np.full((3, 2), (0.1, 1.0 + step)))
    simulator.states[field][1] = value
    with pytest.raises(ImpossibleStateError, match="Car 1 reached an impossible state") as caught:
        simulator.step(np.full((3, 2), (0.1, 9.0)))
    assert "\n" not in str(caught.value)
    found = re.search(r"in (\S+\.json)\.$", str(caught.value))
    assert found is not None
    dump = json.loads(Path(found[1]).read_text())
    assert Path(found[1]).parent == tmp_path
    assert dump["car"] == 1
    assert dump["seed"] == 4
    assert dump["commands_newest_first"][:3] == [[0.1, 9.0], [0.1, 3.0], [0.1, 2.0]]
    assert str(dump["before"][field]) == str(value)
    assert dump["parameters"]["wheelbase_m"] == pytest.approx(0.164)
    assert dump["config"]["noise"] == "none"
    assert dump["place"]["steps"] == 4


def test_an_impossible_place_is_caught_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    simulator = Simulator(SimConfig(noise="none"), n_cars=1, seed=0)
    simulator.set_pose(0, 1e6, 0.0, 0.0)
    with pytest.raises(ImpossibleStateError, match="x_m is 1e\\+06"):
        simulator.step(np.zeros((1, 2)))
