from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from car.errors import BadFileError, UnknownNameError
from sim.track import build_track, load_track, track_names

REFERENCE = Path(__file__).parents[3] / "shared" / "reference" / "tracks"


def circle_rows(radius_m: float = 2.0, points: int = 40) -> npt.NDArray[np.float64]:
    angle = np.linspace(0.0, 2 * np.pi, points, endpoint=False)
    unit = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.hstack([radius_m * unit, (radius_m - 0.3) * unit, (radius_m + 0.4) * unit])


def test_a_circle_has_the_length_and_curvature_of_a_circle() -> None:
    points = circle_rows()[:, :2]
    track = build_track("circle", points, np.full((40, 2), 0.3))
    assert track.length_m == pytest.approx(4 * np.pi, rel=1e-4)
    np.testing.assert_allclose(track.curvature_1pm, 0.5, rtol=5e-3)


@pytest.mark.parametrize("name", track_names())
def test_every_built_in_track_runs_counter_clockwise_and_closes(name: str) -> None:
    track = load_track(name)
    turned = track.heading_rad[-1] - track.heading_rad[0]
    assert turned == pytest.approx(2 * np.pi, abs=0.1)
    gap = np.linalg.norm(track.center_m[0] - track.center_m[-1])
    assert gap == pytest.approx(track.spacing_m, rel=0.05)


def test_forever_raceway_has_its_surveyed_size() -> None:
    track = load_track("forever-raceway")
    assert track.length_m == pytest.approx(25.1, abs=0.1)
    np.testing.assert_allclose(track.left_width_m + track.right_width_m, 0.762, atol=1e-3)


def test_clockwise_is_the_same_road_the_other_way() -> None:
    forward, backward = load_track("trapezoid"), load_track("trapezoid", "clockwise")
    np.testing.assert_allclose(forward.center_m[0], backward.center_m[0])
    np.testing.assert_allclose(forward.center_m[10], backward.center_m[-10])
    assert backward.heading_rad[5] == pytest.approx(forward.heading_rad[-5] + np.pi)
    np.testing.assert_allclose(backward.curvature_1pm[1:], -forward.curvature_1pm[:0:-1])


def test_a_pose_projects_back_on_its_place() -> None:
    track = load_track("championship-2022", "clockwise")
    places = [(0.5, 0.1), (12.3, -0.2), (30.0, 0.0)]
    points = np.array([track.pose_at(arc, lateral)[:2] for arc, lateral in places])
    arc, lateral = track.to_frenet(points)
    np.testing.assert_allclose(arc, [place[0] for place in places], atol=0.02)
    np.testing.assert_allclose(lateral, [place[1] for place in places], atol=0.005)


@pytest.mark.parametrize("clockwise", [False, True])
def test_a_route_file_keeps_its_own_widths_whichever_way_it_runs(tmp_path: Path, clockwise: bool) -> None:
    rows = circle_rows()
    path = tmp_path / "ring.npy"
    np.save(path, rows[::-1] if clockwise else np.vstack([rows, rows[:1]]))
    track = load_track(path)
    assert track.name == "ring"
    # The inner border is on the left of a counter-clockwise lap.
    np.testing.assert_allclose(track.left_width_m, 0.3, atol=1e-6)
    np.testing.assert_allclose(track.right_width_m, 0.4, atol=1e-6)


def test_the_real_routes_agree_with_the_built_in_splines() -> None:
    path = REFERENCE / "2024_reinvent_champ_ccw.npy"
    if not path.is_file():
        pytest.skip("no surveys beside this checkout")
    surveyed, built_in = load_track(path), load_track("forever-raceway")
    _, lateral = built_in.to_frenet(surveyed.center_m[::50])
    assert np.abs(lateral).max() < 0.03


def test_an_unknown_track_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'forever-raceway'"):
        load_track("forever-racway")
    with pytest.raises(UnknownNameError, match="Did you mean 'clockwise'"):
        load_track("trapezoid", "clokwise")


def test_bad_route_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    good = tmp_path / "good.npy"
    np.save(good, circle_rows())
    cut = tmp_path / "cut.npy"
    cut.write_bytes(good.read_bytes()[:-100])
    flat = tmp_path / "flat.npy"
    np.save(flat, circle_rows()[:, :4])
    holed = tmp_path / "holed.npy"
    rows = circle_rows()
    rows[7, 3] = np.nan
    np.save(holed, rows)
    pickled = tmp_path / "pickled.npy"
    np.save(pickled, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    opened = tmp_path / "open.npy"
    np.save(opened, circle_rows()[:20])
    for path, words in (
        (tmp_path / "none.npy", "does not exist"),
        (cut, "not a complete NumPy file"),
        (flat, r"\(40, 4\); expected float N x 6"),
        (holed, "row 7"),
        (pickled, "not a complete NumPy file"),
        (opened, "not a closed track"),
    ):
        with pytest.raises(BadFileError, match=words) as caught:
            load_track(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("clockwise", [False, True])
def test_a_route_file_begins_at_its_first_row_and_keeps_its_rows(tmp_path: Path, clockwise: bool) -> None:
    rows = circle_rows()[::-1] if clockwise else circle_rows()
    path = tmp_path / "ring.npy"
    np.save(path, rows)
    for direction in ("counter-clockwise", "clockwise"):
        track = load_track(path, direction)
        assert track.surveyed_clockwise == clockwise
        np.testing.assert_allclose(track.center_m[0], rows[0, :2], atol=1e-9)
        assert track.survey_m is not None
        way = 1 if track.clockwise == clockwise else -1
        np.testing.assert_allclose(track.survey_m, rows[np.arange(len(rows)) * way, :2])
    assert load_track("trapezoid").survey_m is None
