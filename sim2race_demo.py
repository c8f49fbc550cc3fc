"""`sim2race demo`: the whole loop with one command, every part of it the real one.

Train on Forever Raceway in both directions under visual noise, export, judge greedily, drive a lap each
way in the ROS 2 node graph, write car logs, and replay them in the browser with what the policy looked at.
"""

from __future__ import annotations

import json
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from analysis.console.command import run as serve_console
from analysis.console.config import ConsoleConfig
from analysis.console.server import ConsoleServer
from car.drive_statistics import DriveSummary
from car.errors import BadFileError, Sim2RaceError
from car.files import write_atomically
from car.json_file import read_json_object
from car.policy import Policy
from sim.simulator import SimConfig
from sim.track import DIRECTIONS
from sim2race_car.drive_command import DriveConfig, drive
from training.evaluate import EvaluateConfig, evaluate_policy, evaluation_table
from training.train import TrainConfig, train


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """Train, export, drive the node graph, log and replay."""

    headless: bool = False
    """Fetch the replay's first picture instead of serving the console, and exit."""
    output: Path = Path("runs/demo")
    """Folder for everything that the demo writes."""
    track: str = "forever-raceway"
    """Track to train on and to drive."""
    noise: str = "high"
    """Visual noise, in training and in the drive."""
    seed: int = 1
    """Seed of everything random."""
    max_minutes: float = 8.0
    """Time limit of the training."""
    laps: int = 1
    """Laps to drive in each direction."""
    fresh: bool = False
    """Train anew although an earlier demo left a policy."""
    open_browser: bool = True
    """Open the console in the default browser."""
    port: int = 8432
    """Port of the console; 0 takes a free one."""


def run(config: DemoConfig) -> int:
    """Go round the loop once; 0 if every lap was driven."""
    console = Console()
    trained = _train(config, console)
    policy = Path(str(trained["policy"]))
    laps = _evaluate(policy, config, console)
    drives = []
    for number, direction in enumerate(DIRECTIONS):
        console.rule(f"{3 + number} of 5  Drive the node graph, {direction}")
        drives.append(drive(_drive_config(policy, direction, config), console=console))
        console.print(f"Wrote the car log {drives[-1].log}.", highlight=False, soft_wrap=True)
    console.rule("5 of 5  Replay")
    console.print(_summary(trained, laps, drives))
    status = 0 if all(summary.succeeded for summary in drives) else 1
    log = drives[0].log
    if log is None:
        raise Sim2RaceError(f"the drive ended without a log: {drives[0].ended}.")
    replay = ConsoleConfig(logs=log.parent, log=log.name, port=config.port, open_browser=config.open_browser)
    if not config.headless:
        return status or serve_console(replay)
    console.print(_look_at_replay(replay), highlight=False, soft_wrap=True)
    return status


def _train(config: DemoConfig, console: Console) -> dict[str, object]:
    """Train, or take the policy that an earlier demo with the same settings left."""
    record_path = config.output / "trained.json"
    settings = {"track": config.track, "noise": config.noise, "seed": config.seed}
    console.rule("1 of 5  Train")
    if not config.fresh and record_path.is_file():
        record = _read_record(record_path, settings)
        if record is not None:
            console.print(
                f"Taking {record['policy']} from an earlier demo; --fresh trains anew.", soft_wrap=True
            )
            return record
    train_config = TrainConfig(
        name="demo",
        runs=config.output / "training",
        seed=config.seed,
        max_minutes=config.max_minutes,
    )
    world = SimConfig(
        **{
            **vars(train_config.sim),
            "tracks": (config.track,),
            "directions": DIRECTIONS,
            "noise": config.noise,
        }
    )
    result = train(TrainConfig(**{**vars(train_config), "sim": world}), console=console)
    if result.interrupted:
        raise KeyboardInterrupt
    record = {
        "settings": settings,
        "policy": str(result.policy),
        "steps": result.steps,
        "seconds": round(result.seconds, 1),
        "reason": result.reason,
    }
    write_atomically(record_path, json.dumps(record, indent=2) + "\n")
    console.print(f"{result.reason} Wrote {result.policy}.", highlight=False, soft_wrap=True)
    return record


def _read_record(path: Path, settings: dict[str, object]) -> dict[str, object] | None:
    """Return what an earlier demo trained, if its settings were these and its policy still loads."""
    try:
        record = read_json_object(path)
        Policy.load(Path(str(record.get("policy"))))
    except BadFileError:
        return None
    return dict(record) if record.get("settings") == settings else None


def _evaluate(policy: Path, config: DemoConfig, console: Console) -> str:
    """Judge the policy greedily from the start line, ten laps each way."""
    console.rule("2 of 5  Evaluate the exported policy, greedily")
    evaluation = evaluate_policy(
        Policy.load(policy), EvaluateConfig(policy=policy, track=(config.track,), noise=config.noise)
    )
    console.print(evaluation_table(evaluation, title=f"noise {config.noise}, from the start line"))
    return f"{evaluation.total.completed} of {evaluation.total.attempted} completed"


def _drive_config(policy: Path, direction: str, config: DemoConfig) -> DriveConfig:
    return DriveConfig(
        policy=policy,
        track=config.track,
        direction=direction,
        laps=config.laps,
        noise=config.noise,
        seed=config.seed,
        logs=config.output / "logs",
    )


def _summary(trained: dict[str, object], laps: str, drives: list[DriveSummary]) -> Table:
    table = Table(box=None, title="The loop in numbers")
    for heading in ("", *DIRECTIONS):
        table.add_column(heading)
    table.add_row("training", f"{trained['steps']} steps", f"{trained['seconds']} s")
    table.add_row("greedy laps, in process", laps, "")
    rows = {
        "laps in the node graph": [
            f"{summary.laps} ({', '.join(f'{time_s:.2f} s' for time_s in summary.lap_times_s)})"
            for summary in drives
        ],
        "off track": [str(summary.off_tracks) for summary in drives],
        "frames per second": [f"{summary.fps:.1f}" for summary in drives],
        "frames dropped": [
            str(summary.frames_dropped_old + summary.frames_dropped_bad + summary.commands_dropped)
            for summary in drives
        ],
        "camera to PWM, p50 / p99 / max": [
            f"{latency.p50_ms:.1f} / {latency.p99_ms:.1f} / {latency.max_ms:.1f} ms" if latency else "none"
            for latency in (summary.latency for summary in drives)
        ],
        "last PWM": ["neutral" if summary.last_pwm_is_neutral else "NOT NEUTRAL" for summary in drives],
        "car log": [str(summary.log) for summary in drives],
    }
    for name, cells in rows.items():
        table.add_row(name, *cells)
    return table


def _look_at_replay(config: ConsoleConfig) -> str:
    """Open the log as a browser would and fetch a frame and its heat map."""
    begun = time.monotonic()
    with ConsoleServer(ConsoleConfig(**{**vars(config), "port": 0})) as server:
        entry = next(entry for entry in server.app.config["LIBRARY"].entries() if entry.name == config.log)
        sizes = {}
        for part in ("", "/frame/30.jpg", "/heatmap/30.png"):
            with urllib.request.urlopen(server.url(f"/api/log/{entry.id}{part}"), timeout=30) as answer:
                sizes[part] = len(answer.read())
    return (
        f"The replay answers: {sizes['']} bytes of log, a frame of {sizes['/frame/30.jpg']}, a heat map of "
        f"{sizes['/heatmap/30.png']} bytes in {time.monotonic() - begun:.1f} s. "
        f"See it with: sim2race console --logs {config.logs} --log {config.log}"
    )
