"""One process of the fuzz run: opens case after case as the console would, and says what came of each.

It is a process of its own so that a crash is seen by the one that watches it: `python -m analysis.fuzz_open
<folder> <policy> <seed>` reads numbers of cases from its input and answers each with a line of JSON.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import shutil
import sys
import time
import traceback
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from analysis.card_cache import card_json
from analysis.console.documents import plain, replay_document
from analysis.console.intake import receive, take_in
from analysis.course import course_of
from analysis.fuzz_cases import Case, Corpus
from analysis.heatmap import heatmaps
from analysis.heatmap_checks import shuffled_head
from analysis.heatmap_grid import read_grid
from analysis.lap_figures import lap_figures
from analysis.replay import replay
from analysis.run_files import list_runs, open_run, read_run, read_run_card
from analysis.trace_log import laps_of
from car.errors import Sim2RaceError
from car.log_parts import open_parts
from car.memory import peak_mib
from car.policy import Policy

MAX_ADDRESSES = 8 * 2**30
"""Address space of the process, most of which libraries reserve and never use."""


@dataclass(frozen=True)
class Outcome:
    """What came of one case."""

    number: int
    """Of the case."""
    kind: str
    """Of the case."""
    how: str
    """What was done to the file."""
    result: str
    """"opened", "refused" (in one line) or "fault"."""
    text: str
    """The refusal, or the traceback of the fault."""
    cpu_s: float
    """What it took."""
    peak_mib: float
    """Memory of this process at its peak so far."""


def open_case(case: Case, store: Path) -> None:
    """Open a case in the way of its kind.

    Raises:
        Sim2RaceError: it is refused, as it may be.
    """
    folder = store / "case"
    folder.mkdir()
    if case.kind == "archive":
        (upload,) = case.files.values()
        take_in(receive(io.BytesIO(upload), store), case.name, store)
        return
    for name, content in case.files.items():
        (folder / name).write_bytes(content)
    if case.kind in ("trace", "metrics"):
        read_run(folder / case.name)
        list_runs(folder)
        _open_as_run(folder / case.name)
    elif case.kind == "policy":
        open_policy(folder / case.name)
    else:
        open_as_log(folder)


def open_as_log(folder: Path) -> None:
    """Open a log as the console does; then again."""
    list_runs(folder.parent)
    for _ in range(2):  # The second time by the index that the first one left.
        _open_as_run(folder)
    for part in open_parts(folder):
        part.file.counts()


def _open_as_run(path: Path) -> None:
    """Open a run, gather all that its page shows, score it and look at some of its pictures."""
    log = open_run(path)
    json.dumps(replay_document(replay(log)))
    laps = lap_figures(log.frames, course_of(log.run), laps_of(log))
    json.dumps(plain(asdict(laps)), allow_nan=False)
    json.dumps(card_json(read_run_card(path)))
    for index in sorted({0, len(log.frames) // 2, len(log.frames) - 1}) if len(log.frames) else ():
        with contextlib.suppress(Sim2RaceError):
            log.image(index)


def open_policy(path: Path) -> None:
    """Load a policy and ask it for every kind of map."""
    policy = Policy.load(path)
    frames = np.zeros((2, policy.frames, 120, 160), np.uint8)
    history = np.zeros((2, policy.history, 2), np.float32) if policy.history else None
    read_grid(path)
    shuffled_head(path.read_bytes(), 0)
    for method in ("hirescam", "all-layers", "community"):
        heatmaps(policy, frames, np.zeros(2, np.int64), method, history=history)


def run_case(corpus: Corpus, seed: int, number: int, store: Path) -> Outcome:
    """Make a case, open it, and put everything away again."""
    case = corpus.case(seed, number)
    begun_s = time.process_time()
    try:
        open_case(case, store)
        result, text = "opened", ""
    except Sim2RaceError as error:
        text = str(error)
        result = "fault" if "\n" in text else "refused"
    except BaseException:
        result, text = "fault", traceback.format_exc()[-3000:]
    cpu_s = time.process_time() - begun_s
    for child in store.iterdir():
        shutil.rmtree(child) if child.is_dir() else child.unlink()
    return Outcome(number, case.kind, case.how, result, text, cpu_s, peak_mib())


def main(folder: Path, policy: Path, seed: int) -> None:
    """Answer numbers with outcomes until the input ends."""
    warnings.simplefilter("ignore")
    # What asks for everything shall fail by itself and not take the machine along.
    resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESSES, MAX_ADDRESSES))
    store = folder / "outer" / "store"
    store.mkdir(parents=True)
    corpus = Corpus(folder / "corpus", policy)
    open_policy(policy)  # Whatever libraries leave behind at their first use is there before the first case.
    print(json.dumps({"ready": peak_mib()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(asdict(run_case(corpus, seed, int(line), store))), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
