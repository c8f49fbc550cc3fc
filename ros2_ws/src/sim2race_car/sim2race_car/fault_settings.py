"""The graphs that faults come to: which nodes, which topics lead through the injector, what else runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from car.fault_matrix import CONSOLE, Setting
from car.node_graph import CAMERA_NODE, INFERENCE, SIM_CAR, graph_called
from car.preprocess import HEIGHT, WIDTH
from car.topics import CAMERA, RL_RESULTS
from sim2race_car.bench_graph import BenchGraph, Extra
from sim2race_car.fault_injector import RAW_CAMERA, RAW_RESULTS

INJECTOR = Extra("fault_injector", "sim2race_car.fault_injector")
UNSEEN = "/sim2race/bench/unseen_camera"
"""Where the simulated car's pictures go that nobody shall look at."""
VIDEO_FRAMES = 90


@contextmanager
def graph_for(setting: Setting, policy: Path) -> Iterator[BenchGraph]:
    """Start the graph of a setting, and end it again.

    Args:
        setting: what runs.
        policy: what decides.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="sim2race-setting-")))
        has_camera = setting is Setting.CAMERA_NODE
        remap = {INFERENCE.name: {RL_RESULTS.name: RAW_RESULTS.name}}
        remap[SIM_CAR.name] = {CAMERA.name: UNSEEN if has_camera else RAW_CAMERA.name}
        nodes, arguments = graph_called("sim_car"), {}
        if has_camera:
            nodes = (*nodes, CAMERA_NODE)
            remap[CAMERA_NODE.name] = {CAMERA.name: RAW_CAMERA.name}
            arguments = {"camera": str(make_video(folder / "camera.avi"))}
        graph = BenchGraph(policy, arguments=arguments, remap=remap, extras=(INJECTOR,), nodes=nodes)
        yield stack.enter_context(graph)


def start_console(graph: BenchGraph) -> None:
    """Start the console with its live page on the graph; the page's address is in what it writes."""
    words = ("console", "--live", "--port", "0", "--logs", str(graph.folder / "logs"))
    (graph.folder / "logs").mkdir(exist_ok=True)
    graph.start_extra(Extra(CONSOLE, "sim2race", words))


def make_video(path: Path) -> Path:
    """Write three seconds of a pattern that moves, so that no picture is the one before."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, (WIDTH, HEIGHT))
    column, row = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    for frame in range(VIDEO_FRAMES):
        wave = 127.5 + 100.0 * np.sin((column + row + 4 * frame) / 9.0)
        writer.write(np.repeat(wave.astype(np.uint8)[..., None], 3, axis=2))
    writer.release()
    return path
