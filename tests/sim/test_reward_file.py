from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import gymnasium
import numpy as np
import pytest

from car.errors import BadFileError, Sim2RaceError
from sim.reward_file import RewardFile
from sim.sb3_adapter import SimVecEnv
from sim.simulator import SimConfig, Simulator

SIM = SimConfig(tracks=("trapezoid",), start="line", noise="none", vary_vehicle=False)
STATEFUL = """
    import math
    from dataclasses import dataclass

    @dataclass
    class Memory:
        calls: "int" = 0

    MEMORY = Memory()

    def reward_function(params):
        MEMORY.calls += 1
        params["waypoints"].clear()
        params["progress"] = math.nan
        return MEMORY.calls
    """


def written(folder: Path, text: str) -> str:
    path = folder / "my_reward.py"
    path.write_text(dedent(text))
    return str(path)


def test_it_is_called_with_the_params_of_every_car_and_step(tmp_path: Path) -> None:
    path = written(
        tmp_path, "def reward_function(params):\n    return 10 * params['speed'] + params['steps']\n"
    )
    simulator = Simulator(replace(SIM, reward_file=path), n_cars=3, seed=0)
    for step in range(2):
        simulator.step(np.array([[0.0, 0.5], [0.1, 1.0], [0.2, 1.5]]))
        np.testing.assert_allclose(simulator.rewards, np.array([5.0, 10.0, 15.0]) + step + 2)


def test_module_state_lasts_and_belongs_to_one_car_and_params_are_the_functions_own(tmp_path: Path) -> None:
    path = written(tmp_path, STATEFUL)
    simulator = Simulator(replace(SIM, reward_file=path), n_cars=2, seed=0)
    for step in range(3):
        simulator.step(np.full((2, 2), (0.0, 1.0)))
        assert simulator.rewards.tolist() == [step + 1.0, step + 1.0]
    simulator.reset([1])
    simulator.step(np.full((2, 2), (0.0, 1.0)))
    assert simulator.rewards.tolist() == [4.0, 4.0]
    params = simulator.reward_params().of(0)
    assert len(params["waypoints"]) > 10 and params["progress"] > 0.0


def test_a_car_that_has_ended_is_not_valued_again(tmp_path: Path) -> None:
    path = written(tmp_path, "def reward_function(params):\n    return 7\n")
    simulator = Simulator(replace(SIM, reward_file=path, max_episode_s=0.05), n_cars=1, seed=0)
    rewards = []
    for _ in range(4):
        simulator.step(np.array([[0.0, 1.0]]))
        rewards.append(float(simulator.rewards[0]))
    assert rewards == [7.0, 7.0, 0.0, 0.0]


def test_the_last_step_is_valued_by_the_function_alone(tmp_path: Path) -> None:
    path = written(tmp_path, "def reward_function(params):\n    return 0.5 - params['is_offtrack']\n")
    env = gymnasium.make("sim2race/DeepRacer-v0", config=replace(SIM, reward_file=path))
    env.reset(seed=0)
    rewards, terminated = [], False
    while not terminated:
        _, reward, terminated, _, _ = env.step(0)
        rewards.append(reward)
    assert rewards[-1] == -0.5
    assert set(rewards[:-1]) == {0.5}


def test_every_environment_takes_it(tmp_path: Path) -> None:
    config = replace(SIM, reward_file=written(tmp_path, "def reward_function(params):\n    return 3\n"))
    vector = gymnasium.make_vec("sim2race/DeepRacer-v0", num_envs=2, config=config)
    vector.reset(seed=0)
    assert vector.step(np.array([4, 4]))[1].tolist() == [3.0, 3.0]
    learner = SimVecEnv(config, 2, 0)
    learner.reset()
    assert np.asarray(learner.step(np.array([4, 4]))[1]).tolist() == [3.0, 3.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def reward_function(params)\n    return 1\n", r"line 1: expected ':'"),
        ("import shapley_values\n", r"line 1: ModuleNotFoundError: No module named 'shapley_values'"),
        ("def reward(params):\n    return 1\n", r"no function reward_function\(params\)"),
        ("reward_function = 3\n", r"no function reward_function\(params\)"),
        ("x = 1\nx.y\ndef reward_function(params): ...\n", r"line 2: AttributeError"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_when_loaded(tmp_path: Path, text: str, words: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadFileError, match=rf"my_reward\.py.*{words}") as caught:
        RewardFile.load(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return params['sped']", r"line 3: KeyError: 'sped'"),
        ("return helper(params)", r"line 6: ZeroDivisionError: division by zero"),
        ("raise ValueError('two\\nlines')", r"line 3: ValueError: two lines"),
        ("return None", r"line 2: reward_function returned None; expected a finite number"),
        ("return 'much'", r"line 2: reward_function returned 'much'"),
        ("return float('nan')", r"line 2: reward_function returned nan"),
        ("return -100001", r"line 2: reward_function returned -100001"),
    ],
)
def test_a_function_that_fails_stops_with_file_line_and_reason(tmp_path: Path, body: str, words: str) -> None:
    path = written(
        tmp_path,
        f"\ndef reward_function(params):\n    {body}\n\ndef helper(params):\n    return 1 / 0\n",
    )
    params: dict[str, Any] = {"speed": 1.0}
    with pytest.raises(Sim2RaceError, match=rf"my_reward\.py, {words}") as caught:
        RewardFile.load(path).reward(params)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(BadFileError, match=r"nowhere\.py: No such file"):
        Simulator(replace(SIM, reward_file="nowhere.py"), n_cars=1, seed=0)
