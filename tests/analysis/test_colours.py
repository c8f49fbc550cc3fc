from __future__ import annotations

import numpy as np

from analysis.colours import LEVELS, colour_levels, legend_colours, signed_colours


def test_nothing_is_clear_and_more_is_more_opaque_on_either_side() -> None:
    shares = np.array([[-1.0, -0.5, 0.0, 0.5, 1.0]], np.float32)

    alpha = signed_colours(shares)[0, :, 3].astype(int).tolist()

    assert alpha[2] == 0
    assert alpha[0] > alpha[1] > 0
    assert alpha == alpha[::-1]


def test_what_speaks_for_is_warm_and_what_speaks_against_is_cool() -> None:
    colours = signed_colours(np.array([[-0.6, 0.6]], np.float32)).astype(int)

    assert colours[0, 0, 2] > colours[0, 0, 0] + 80  # Blue.
    assert colours[0, 1, 0] > colours[0, 1, 2] + 80  # Red.


def test_lightness_rises_with_magnitude_so_that_a_grey_print_keeps_the_order() -> None:
    shares = np.linspace(0.05, 1.0, 12, dtype=np.float32)[None]
    for side in (shares, -shares):
        lightness = signed_colours(side)[0, :, :3] @ np.array([0.2126, 0.7152, 0.0722])
        assert (np.diff(lightness) > 0).all()


def test_the_legend_runs_from_against_to_for() -> None:
    legend = legend_colours(5)

    assert len(legend) == 5
    assert legend[2][3] == 0
    assert legend[0][2] > legend[0][0] and legend[4][0] > legend[4][2]


def test_a_level_stands_for_the_colour_of_its_value_and_nothing_stays_clear() -> None:
    shares = np.linspace(-1.0, 1.0, 41, dtype=np.float32)[None]

    shown = np.array(legend_colours(LEVELS))[colour_levels(shares)]

    assert shown[0, 20, 3] == 0
    assert np.abs(shown[..., :3] - signed_colours(shares)[..., :3].astype(int)).max() <= 3
    assert np.abs(shown[..., 3] - signed_colours(shares)[..., 3].astype(int)).max() <= 3
