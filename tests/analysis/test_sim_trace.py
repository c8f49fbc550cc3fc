from __future__ import annotations

from pathlib import Path

import pytest

from analysis import sim_trace
from analysis.sim_trace import is_sim_trace, read_sim_trace
from car.errors import BadFileError
from tests.analysis.traces import spoil, write_trace

HEADER = "episode,steps,X,Y,yaw,steer,throttle,action,progress,tstamp,episode_status\n"
ROW = "{episode},{step},1.0,{y},90,-30,1.5,2,{progress},{time},in_progress\n"


def rows(count: int, *, episode: object = 0, y: object = 2.0, progress: object = 1.0) -> str:
    return "".join(
        ROW.format(episode=episode, step=step, y=y, progress=progress, time=step) for step in range(count)
    )


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (ROW.format(episode=0, step=5, y="abc", progress=1, time=9), "column 'Y' holds 'abc'"),
        (ROW.format(episode="x", step=5, y=1, progress=1, time=9), "column 'episode' holds 'x'"),
        (ROW.format(episode="1e300", step=5, y=1, progress=1, time=9), "'episode' is beyond any"),
        (ROW.format(episode=0, step=5, y="nan", progress=1, time=9), "column 'Y' is not a finite number"),
        (ROW.format(episode=0, step=5, y="1e300", progress=1, time=9), "a value is beyond any"),
        (ROW.format(episode=0, step=5, y=1, progress=1, time=1), "its time is before"),
        (ROW.format(episode=0, step=5, y=1, progress=1, time=1e6), "lasts more than a day"),
        (ROW.format(episode=0, step=5, y='"1', progress=1, time=9), "column 'tstamp' is missing"),
        ("0,5,1.0,2.0,90,-30,1.5,2,1.0,9\n", "its last columns are missing"),
        ("0,5\n", "column 'tstamp' is missing"),
        ('0,"' + "9" * 200_000 + '"\n', "field larger than"),
    ],
)
def test_a_trace_is_read_up_to_a_damaged_line_and_says_which(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "race.csv"
    path.write_text(HEADER + rows(4) + line + rows(3, episode=1))

    trace = read_sim_trace(path)

    assert trace.damage is not None
    assert trace.damage.startswith("race.csv, line 6: ") and problem in trace.damage
    assert list(trace.episodes) == [0] and len(trace.episodes[0]) == 4


def test_an_episode_that_begins_a_second_time_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "race.csv"
    late = [ROW.format(episode=number, step=1, y=1, progress=1, time=9) for number in (1, 0)]
    path.write_text(HEADER + rows(4) + "".join(late))

    assert read_sim_trace(path).damage == "race.csv, line 7: episode 0 had ended"


def test_only_so_many_episodes_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sim_trace, "MAX_EPISODES", 2)
    trace = read_sim_trace(write_trace(tmp_path / "race.csv", laps=3))

    assert len(trace.episodes) == 2
    assert trace.damage is not None and trace.damage.endswith("a trace holds up to 2 episodes")


def test_a_last_line_that_is_still_being_written_is_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "race.csv"
    path.write_text(HEADER + rows(4) + "0,4,1.0,2")

    trace = read_sim_trace(path)

    assert trace.damage == "race.csv, line 6: it is cut off"
    assert len(trace.episodes[0]) == 4


def test_damage_in_the_first_rows_leaves_nothing_to_open(tmp_path: Path) -> None:
    path = tmp_path / "race.csv"
    path.write_text(HEADER + rows(1) + "junk\n")

    with pytest.raises(BadFileError, match=r"race\.csv, line 3: column 'episode' holds 'junk'"):
        read_sim_trace(path)


def test_a_trace_beyond_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_trace(tmp_path / "race.csv", laps=1)
    monkeypatch.setattr(sim_trace, "MAX_TRACE_BYTES", 1000)

    with pytest.raises(BadFileError, match="is larger than"):
        read_sim_trace(path)


def test_a_trace_is_told_from_other_tables_by_its_first_line(tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "race.csv", laps=1)
    other = tmp_path / "other.csv"
    other.write_bytes(b"episode,steps,\0\n" + bytes(100))

    assert is_sim_trace(trace)
    assert not is_sim_trace(other)
    assert not is_sim_trace(tmp_path / "nothing.csv")


def test_the_day_of_a_drive_is_known_where_the_simulator_writes_it_down(tmp_path: Path) -> None:
    assert read_sim_trace(write_trace(tmp_path / "a.csv", laps=1, wall_clock=1.7e9)).started_s == 1.7e9
    assert read_sim_trace(write_trace(tmp_path / "b.csv", laps=1)).started_s == 0.0
    spoil(tmp_path / "b.csv", 1, (tmp_path / "b.csv").read_text().splitlines()[0].replace("wall_clock", "z"))
    assert read_sim_trace(tmp_path / "b.csv").started_s == 0.0
