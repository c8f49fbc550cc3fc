import warnings

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium.utils.env_checker import check_env, data_equivalence
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import sim
from sim.driving import DrivingBatch
from sim.env import DeepRacerEnv
from sim.sb3_adapter import SimVecEnv
from sim.simulator import SimConfig
from sim.vector_env import DeepRacerVectorEnv

IDS = [name for name in gymnasium.registry if name.startswith("sim2race/")]


def test_environments_are_registered() -> None:
    assert sim.__doc__
    assert set(IDS) == {"sim2race/DeepRacer-v0", "sim2race/DeepRacerContinuous-v0"}


@pytest.mark.parametrize("name", IDS)
def test_both_checkers_pass_without_a_warning(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gymnasium.make(name, render_mode="rgb_array").unwrapped)
        check_env_sb3(gymnasium.make(name))


@pytest.mark.parametrize("name", IDS)
def test_one_process_steps_many_cars_and_restarts_the_finished(name: str) -> None:
    cars = gymnasium.make_vec(name, num_envs=6, vectorization_mode="vector_entry_point")
    observations, _ = cars.reset(seed=1)
    assert observations.shape == (6, 1, 120, 160)
    cars.action_space.seed(1)
    finals = 0
    for _ in range(120):
        observations, rewards, terminated, truncated, infos = cars.step(cars.action_space.sample())
        assert observations in cars.observation_space
        for car in np.flatnonzero(terminated | truncated):
            finals += 1
            assert np.any(infos["final_obs"][car] != observations[car])
            assert infos["final_info"]["episode_status"][car] != "in_progress"
            assert rewards[car] < -1.0 or truncated[car]
    assert finals > 0


def test_every_cars_info_is_what_a_single_environment_gives() -> None:
    config = SimConfig(tracks=("reinvent-2018", "trapezoid"), noise="none", max_episode_s=0.5)
    cars = DeepRacerVectorEnv(5, config)
    _, begun = cars.reset(seed=3)
    single = DeepRacerEnv(config).reset(seed=3)[1]
    for name, value in single.items():
        assert begun[name][0] == pytest.approx(value)
    assert set(begun) == {*single, *(f"_{name}" for name in single)}
    ended = 0
    for _ in range(20):
        _, _, terminated, truncated, infos = cars.step(np.arange(5))
        for car, info in enumerate(map(cars.batch.info, range(5))):
            for name, value in info.items():
                assert infos[f"_{name}"][car]
                assert infos[name][car] == pytest.approx(value)
            route = cars.batch.simulator.route_of(car)
            sample = int(cars.batch.simulator.places["sample"][car])
            ahead = [
                route.curvature_1pm[(sample + round(m / route.spacing_m)) % len(route.curvature_1pm)]
                for m in (0.5, 1.0)
            ]
            assert info["curvature_ahead_1pm"].tolist() == ahead
        finished = terminated | truncated
        if finished.any():
            ended += 1
            assert (infos["lap_time_s"][finished] == 0.0).all()
            assert (infos["final_info"]["_lap_time_s"] == finished).all()
            assert (infos["final_info"]["lap_time_s"][finished] > 0.0).all()
    assert ended
    infos["progress"][:] = -1.0
    assert (cars.batch.simulator.places["progress"] != -1.0).all()


def test_the_vector_environment_repeats_by_seed() -> None:
    def run() -> list[npt.NDArray[np.uint8]]:
        cars = gymnasium.make_vec(IDS[0], num_envs=3, vectorization_mode="vector_entry_point")
        first = cars.reset(seed=4)[0]
        return [first, *(cars.step(np.full(3, step % 9))[0] for step in range(40))]

    assert data_equivalence(run(), run())


def test_frames_are_stacked_oldest_first_and_a_new_episode_repeats_its_first() -> None:
    batch = DrivingBatch(SimConfig(noise="none", start="line"), n_cars=1, seed=0, frames=3)
    first = batch.observations.copy()
    np.testing.assert_array_equal(first[0, 0], first[0, 2])
    for _ in range(12):
        before = batch.observations
        observations, *_ = batch.step(np.array([4]))
        np.testing.assert_array_equal(observations[0, :2], before[0, 1:])
    assert np.any(observations[0, 0] != observations[0, 2])


def test_a_lost_picture_leaves_the_one_before_it() -> None:
    batch = DrivingBatch(SimConfig(noise="none", start="line"), n_cars=2, seed=0)
    batch.simulator._parameters["frame_loss"] = [0.0, 1.0]
    first = batch.observations.copy()
    for _ in range(15):
        batch.step(np.array([4, 4]))
    assert np.any(batch.observations[0] != first[0])
    np.testing.assert_array_equal(batch.observations[1], first[1])


def test_frame_averaging_mixes_the_picture_before() -> None:
    config = SimConfig(noise="none", start="line", vary_vehicle=False)
    plain = DrivingBatch(config, n_cars=1, seed=0)
    mixed = DrivingBatch(SimConfig(**{**vars(config), "frame_averaging": 0.25}), n_cars=1, seed=0)
    for _ in range(15):
        before = mixed.observations.astype(float)
        plain.step(np.array([4]))
        mixed.step(np.array([4]))
        expected = plain.observations * 0.75 + before * 0.25
        np.testing.assert_allclose(mixed.observations, expected, atol=0.51)
    assert np.any(mixed.observations != plain.observations)


def test_stable_baselines_gets_what_it_bootstraps_from() -> None:
    cars = SimVecEnv(SimConfig(max_episode_s=0.4, noise="low"), 4, 0)
    cars.reset()
    for _ in range(12):
        observations, _, dones, infos = cars.step(np.full(4, 4))
    assert dones.all()
    for car, info in enumerate(infos):
        assert info["TimeLimit.truncated"]
        assert info["episode"]["status"] == "time_up"
        assert info["episode"]["l"] == 12
        assert np.any(info["terminal_observation"] != np.asarray(observations)[car])


def test_info_carries_the_ground_truth() -> None:
    config = SimConfig(noise="none", start="line", vary_vehicle=False, directions=("counter-clockwise",))
    batch = DrivingBatch(config, n_cars=1, seed=0)
    for _ in range(40):
        batch.step(np.array([0]))
        batch.simulator.places["status"] = 0
    info = batch.info(0)
    route, state = batch.simulator.route_of(0), batch.simulator.states[0]
    # On a circle at speed the middle of the car slides outwards or inwards: the slip angle is not zero.
    assert abs(info["slip_angle_rad"]) > 0.005
    assert info["slip_angle_rad"] == pytest.approx(np.arctan2(state["lateral_mps"], state["forward_mps"]))
    assert info["yaw_rate_radps"] == float(state["yaw_rate_radps"]) != 0.0
    at = np.array([info["arc_length_m"] + 0.5, info["arc_length_m"] + 1.0])
    expected = route.curvature_1pm[np.round(at / route.spacing_m).astype(int) % len(route.curvature_1pm)]
    np.testing.assert_allclose(info["curvature_ahead_1pm"], expected, atol=0.1)
