"""A curve in characters: every point is where it belongs."""

from __future__ import annotations

from car.text_plot import text_plot


def test_a_rising_line_goes_from_bottom_left_to_top_right() -> None:
    lines = text_plot(
        [0.0, 1.0, 2.0], [10.0, 20.0, 30.0], x_label="x", y_label="y", width=21, height=5
    ).split("\n")
    assert lines[0].strip() == "y"
    assert lines[1] == "30 │" + " " * 18 + "··●"
    assert lines[5].startswith("10 │●")
    assert lines[3].index("●") == lines[5].index("●") + 10
    assert lines[-1].split() == ["0", "x", "2"]


def test_the_order_of_the_points_does_not_matter() -> None:
    one = text_plot([0.0, 1.0, 3.0], [0.0, 5.0, 1.0], x_label="x", y_label="y")
    other = text_plot([3.0, 0.0, 1.0], [1.0, 0.0, 5.0], x_label="x", y_label="y")
    assert one == other
