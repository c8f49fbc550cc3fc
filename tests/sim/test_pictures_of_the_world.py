"""What the camera sees: geometry, colours, scenery and how it can be hidden."""

import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from car.errors import UnknownNameError
from sim.camera import CAMERAS, Mount, rays
from sim.render_pattern import FLOORS
from sim.scenery import (
    KINDS,
    LUMA_WEIGHTS,
    NOISE_LEVELS,
    NOMINAL_PALETTE,
    OBJECT_NAMES,
    SURFACE_NAMES,
    Scene,
    matching_names,
)
from sim.simulator import SimConfig, Simulator
from sim.surface import COVERAGES, TILE_TEXELS, Surface, paint_surface
from sim.track import load_track

FLOOR, ROAD, LINE = NOMINAL_PALETTE[:3]


def bare(**changes: object) -> Simulator:
    values: dict[str, object] = {
        "noise": "none", "vary_vehicle": False, "start": "line", "directions": ("counter-clockwise",),
    }  # fmt: skip
    values.update(changes)
    return Simulator(SimConfig(**values), n_cars=1, seed=0)  # type: ignore[arg-type]


def test_the_aws_camera_is_a_pinhole_of_65_degrees() -> None:
    left, up = rays(CAMERAS["aws"])
    assert 2 * math.degrees(math.atan(left[0, 0])) == pytest.approx(64.7 * 159 / 160, abs=0.5)
    assert left[60, 0] == -left[60, 159]
    assert up[0, 0] == -up[119, 0]


def test_known_points_of_the_floor_have_their_colours() -> None:
    simulator = bare()
    track = simulator.route_of(0)
    picture = simulator.look_rgb()[0].astype(float)
    camera = CAMERAS["aws"]
    x, y, yaw = track.pose_at(0.0)
    eye = np.array([x, y]) + camera.forward_m * np.array([math.cos(yaw), math.sin(yaw)])
    for lateral_m, expected in ((0.15, ROAD), (0.381 - 0.0375, LINE), (0.55, FLOOR)):
        point = np.array(track.pose_at(1.3, lateral_m)[:2])
        ahead, left = point - eye
        forward = ahead * math.cos(yaw) + left * math.sin(yaw)
        aside = -ahead * math.sin(yaw) + left * math.cos(yaw)
        # Into the camera's own axes, pitched down.
        pitch = camera.pitch_down_rad
        depth = forward * math.cos(pitch) + camera.height_m * math.sin(pitch)
        up = forward * math.sin(pitch) - camera.height_m * math.cos(pitch)
        column = round(159 / 2 - camera.focal_px[0] * aside / depth)
        row = round(119 / 2 - camera.focal_px[1] * up / depth)
        np.testing.assert_allclose(picture[row, column], expected, atol=12)


def test_the_horizon_lies_where_the_settled_camera_puts_it() -> None:
    # Row 59.5 - f tan(13.6 degrees): about 29; sky above is brighter than a bare floor's far end.
    picture = bare().look()[0].astype(float)
    jump = np.abs(np.diff(picture.mean(axis=1)))
    assert abs(int(np.argmax(jump[:60])) - 29) <= 2


def test_luma_is_the_weighted_sum_of_the_colours() -> None:
    simulator = bare()
    expected = simulator.look_rgb()[0].astype(float) @ LUMA_WEIGHTS
    np.testing.assert_allclose(simulator.look()[0], expected, atol=1.5)


def test_turning_left_moves_the_road_to_the_right() -> None:
    simulator = bare(tracks=("reinvent-2018",))
    track = simulator.route_of(0)
    x, y, yaw = track.pose_at(0.0)
    brightness = []
    for turn in (-0.3, 0.3):
        simulator.set_pose(0, x, y, yaw + turn)
        right_half = simulator.look()[0][80:, 80:].astype(float)
        brightness.append(float(np.mean(right_half > 200)))
    simulator.set_pose(0, x, y, yaw)
    # Turned right, the white line on the right comes close; turned left, it leaves the lower half.
    assert brightness[0] != brightness[1]


def _codes(surface: Surface, level: int) -> npt.NDArray[np.uint8]:
    """Put a level's codes, (H, W), together again from its tiles."""
    height, width = surface.level_sizes[level]
    down, across = -(-height // TILE_TEXELS), -(-width // TILE_TEXELS)
    side, first = TILE_TEXELS + 1, surface.level_offsets[level]
    tiles = surface.tiles[first : first + down * across * side * side].reshape(down, across, side, side)
    own = tiles[:, :, :TILE_TEXELS, :TILE_TEXELS].swapaxes(1, 2)
    return own.reshape(down * TILE_TEXELS, across * TILE_TEXELS)[:height, :width]


def test_a_tile_also_holds_the_column_and_the_row_that_follow() -> None:
    surface = paint_surface(load_track("trapezoid-narrow"))
    codes, side = _codes(surface, 0), TILE_TEXELS + 1
    across = -(-codes.shape[1] // TILE_TEXELS)
    for down, along in ((0, 0), (3, 17), (40, 60)):
        first = (down * across + along) * side * side
        tile = surface.tiles[first : first + side * side].reshape(side, side)
        top, left = down * TILE_TEXELS, along * TILE_TEXELS
        np.testing.assert_array_equal(tile, codes[top : top + side, left : left + side])


def test_coverage_levels_average_the_finer_ones() -> None:
    surface = paint_surface(load_track("trapezoid-narrow"))
    means = [surface.codebook[_codes(surface, level)].mean(axis=(0, 1)) for level in range(4)]
    np.testing.assert_allclose(means[0], means[3], atol=0.01)
    road = means[0][COVERAGES.index("road")] * np.prod(surface.level_sizes[0]) * 0.005**2
    track = load_track("trapezoid-narrow")
    assert road == pytest.approx(track.length_m * 0.75, rel=0.02)


@pytest.mark.parametrize("camera", ["aws", "deepracer-wide"])
def test_leaving_out_what_is_one_colour_changes_no_byte(camera: str) -> None:
    simulator = Simulator(SimConfig(noise="low", camera=camera, tracks=("reinvent-2018",)), n_cars=16, seed=4)
    quick = simulator.look()
    # No place is known to be far from the next change of colour: every pixel is looked up.
    calm = simulator.eyes._ground.calm
    assert (calm >> 8).max() > 20
    calm &= 255
    np.testing.assert_array_equal(simulator.look(), quick)


def test_scenery_appears_with_noise_and_can_be_hidden_by_name_and_kind() -> None:
    simulator = Simulator(SimConfig(noise="high", start="line"), n_cars=8, seed=3)
    full = simulator.look()
    for kind in KINDS:
        simulator.set_visible(kind, visible=False)
    bare_floor = simulator.look()
    assert np.mean(full != bare_floor) > 0.02
    scene = simulator.eyes.scene(0)
    assert not scene.objects["visible"].any()
    for kind in KINDS:
        simulator.set_visible(kind, visible=True)
    np.testing.assert_array_equal(simulator.look(), full)
    # Hidden things stay hidden when the world is drawn anew.
    simulator.set_visible("wall-3", visible=False)
    simulator.redraw(0)
    assert not simulator.eyes.scene(0).objects["visible"][OBJECT_NAMES.index("wall-3")]


def test_the_centre_line_can_be_hidden() -> None:
    simulator = bare()
    before = simulator.look_rgb()[0]
    simulator.set_visible("center-line", visible=False)
    after = simulator.look_rgb()[0]
    orange = (before[..., 0].astype(int) - before[..., 2] > 80).sum()
    assert orange > 100
    assert (after[..., 0].astype(int) - after[..., 2] > 80).sum() == 0


def test_an_unknown_object_names_the_nearest() -> None:
    assert matching_names("building-1") == [f"building-1-{side}" for side in "abcd"]
    with pytest.raises(UnknownNameError, match="Did you mean 'building'"):
        matching_names("bulding")


def test_a_panel_hides_what_is_behind_it() -> None:
    simulator = bare()
    scene = simulator.eyes.scene(0)
    x, y, yaw = simulator.route_of(0).pose_at(0.0)
    ahead, across = np.array([math.cos(yaw), math.sin(yaw)]), np.array([-math.sin(yaw), math.cos(yaw)])
    for slot, (distance_m, grey) in enumerate(((1.0, 200.0), (2.0, 30.0))):
        middle = np.array([x, y]) + distance_m * ahead
        thing = scene.objects[slot]
        thing["x0_m"], thing["y0_m"] = middle - 2.0 * across
        thing["x1_m"], thing["y1_m"] = middle + 2.0 * across
        thing["top_m"], thing["visible"] = 0.6, True
        scene.colors[slot] = grey
    for order in ((0, 1), (1, 0)):
        scene.objects[[0, 1]] = scene.objects[list(order)]
        scene.colors[[0, 1]] = scene.colors[list(order)]
        simulator.eyes.set_scene(0, scene, Mount(), 0)
        picture = simulator.look()[0]
        assert abs(int(picture[28, 80]) - 200) < 3


def effect(simulator: Simulator, name: str, value: float, **others: float) -> npt.NDArray[np.float64]:
    """Return the picture with one thing in the light, lens or floor changed."""
    scene = simulator.eyes.scene(0)
    light = scene.light.copy()
    for field, number in {name: value, **others}.items():
        light[field] = number
    changed = Scene(scene.objects, scene.colors, scene.palette, light, scene.glares)
    simulator.eyes.set_scene(0, changed, Mount(), 0)
    picture = simulator.look()[0].astype(np.float64)
    simulator.eyes.set_scene(0, scene, Mount(), 0)
    return np.asarray(picture)


def test_gamma_bends_the_middle_and_keeps_the_ends() -> None:
    simulator = bare()
    plain, bent = simulator.look()[0].astype(float), effect(simulator, "gamma", 1.4)
    expected = 255 * (np.clip(plain, 0, 255) / 255) ** 1.4
    np.testing.assert_allclose(bent, expected, atol=2.5)


def test_turning_smears_along_the_row_and_standing_does_not() -> None:
    simulator = bare()
    plain = simulator.look()[0].astype(float)
    np.testing.assert_array_equal(effect(simulator, "exposure_s", 0.01), plain)
    simulator.states["yaw_rate_radps"] = 3.0
    smeared = effect(simulator, "exposure_s", 0.01)
    sharp, soft = (float(np.sum(np.diff(picture[60:], axis=1) ** 2)) for picture in (plain, smeared))
    assert soft < 0.85 * sharp
    assert smeared.mean() == pytest.approx(plain.mean(), abs=0.5)


def test_defocus_softens_every_edge_and_keeps_the_brightness() -> None:
    simulator = bare()
    plain, soft = simulator.look()[0].astype(float), effect(simulator, "defocus", 1.0)
    assert np.abs(np.diff(soft, axis=0)).max() < 0.8 * np.abs(np.diff(plain, axis=0)).max()
    assert soft.mean() == pytest.approx(plain.mean(), abs=1.0)


def test_sheen_brightens_the_flat_view_towards_the_lamps() -> None:
    simulator = bare()
    plain = simulator.look()[0].astype(float)
    heading = float(simulator.states["yaw_rad"][0])
    towards = effect(simulator, "sheen", 60.0, sheen_azimuth=heading, sheen_per_t=1.5) - plain
    away = effect(simulator, "sheen", 60.0, sheen_azimuth=heading + math.pi, sheen_per_t=1.5) - plain
    assert towards[35:45, 75:85].mean() > 15
    assert towards[110:].mean() < 0.3 * towards[35:45].mean()
    assert away[35:45, 75:85].mean() < towards[35:45, 75:85].mean()


def test_floors_have_patterns_off_the_track_only() -> None:
    simulator = bare()
    plain = simulator.look()[0].astype(float)
    seen = []
    for kind in range(1, 5):
        pattern = effect(
            simulator, "floor_contrast", 0.4, floor_kind=kind, floor_per_m=2.0, floor_cos=1.0, floor_sin=0.0
        )
        assert np.abs(pattern - plain)[60:, 60:100].max() <= 1.0
        assert np.abs(pattern - plain)[32:60].max() > 5.0
        seen.append(pattern)
    assert all(np.any(a != b) for number, a in enumerate(seen) for b in seen[:number])


def test_a_ceiling_hangs_lamps_above_the_horizon() -> None:
    simulator = bare()
    plain = simulator.look()[0].astype(float)
    hall = effect(simulator, "ceiling_m", 3.0, lamps_per_m=0.3, lamp_grey=150.0)
    np.testing.assert_array_equal(hall[32:], plain[32:])
    assert (hall[:20] > 180).mean() > 0.02
    assert (hall[:20] < 90).mean() > 0.3


def test_every_level_draws_more_than_the_one_before_and_unseen_draws_what_no_other_does() -> None:
    drawn = {
        noise: [Simulator(SimConfig(noise=noise), n_cars=8, seed=2).eyes.scene(car) for car in range(8)]
        for noise in NOISE_LEVELS
    }
    visible = {noise: np.mean([scene.objects["visible"].mean() for scene in drawn[noise]]) for noise in drawn}
    assert visible["none"] == 0 < visible["low"] < visible["high"]
    for noise in ("none", "low", "high"):
        for scene in drawn[noise]:
            assert not scene.objects["checks"].any()
            assert not scene.objects["taper"].any()
            assert float(scene.light["hum"]) == 0.0
            assert FLOORS[int(scene.light["floor_kind"])] != "tiles"
    for scene in drawn["unseen"]:
        assert scene.objects["checks"].all()
        assert FLOORS[int(scene.light["floor_kind"])] == "tiles"


@pytest.mark.parametrize("name", SURFACE_NAMES)
def test_every_part_of_the_hall_can_be_hidden(name: str) -> None:
    simulator = Simulator(SimConfig(noise="high"), n_cars=24, seed=11)
    before = simulator.look()
    simulator.set_visible(name, visible=False)
    assert np.any(simulator.look() != before)
    simulator.set_visible(name, visible=True)
    np.testing.assert_array_equal(simulator.look(), before)


def test_lamps_flicker_from_picture_to_picture() -> None:
    simulator = Simulator(SimConfig(noise="high", vary_vehicle=False), n_cars=1, seed=4)
    scene = simulator.eyes.scene(0)
    scene.objects["flicker"] = 0.2
    scene.light["noise"] = 0.0
    simulator.eyes.set_scene(0, scene, Mount(), 0)
    grain = np.array([100]), np.array([20_000])
    first, second = (simulator.eyes.look(simulator.states, start, np.array([0])) for start in grain)
    assert np.any(first != second)


def test_a_jpeg_leaves_what_opencvs_leaves() -> None:
    simulator = bare()
    plain = simulator.look()[0]
    for quality in (30, 75, 95):
        seen = effect(simulator, "jpeg_quality", quality)
        _, encoded = cv2.imencode(".jpg", plain, [cv2.IMWRITE_JPEG_QUALITY, quality])
        decoded = cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
        assert decoded is not None
        expected = decoded.astype(float)
        # Integer transforms round here and there.
        assert np.mean(np.abs(seen - expected)) < 0.6
        assert np.mean(np.abs(expected - plain)) > np.mean(np.abs(seen - expected))
