"""The folder of logs as the console knows it: ids in, logs out.

An id from outside is only ever looked up in the index made here; it never becomes a path. Logs, replay
documents and heat maps are kept while they are in use, and everything that a browser may keep carries the
version of its log.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from analysis.console.documents import replay_document
from analysis.console.heatmaps import LogHeatmaps
from analysis.heatmap import METHODS, PAUSED_ONLY
from analysis.log_index import fingerprint
from analysis.metrics import Scorecard
from analysis.replay import Replay, replay
from analysis.run_card import RunCard
from analysis.run_files import list_runs, open_run, read_run_card
from car.errors import BadFileError, Sim2RaceError
from car.log_reader import CarLog, LogSummary

_OPEN_LOGS = 3
_OTHER_POLICIES = 3
_METHODS = [
    {"name": name, "about": about, "paused_only": name in PAUSED_ONLY} for name, about in METHODS.items()
]
"""What a page can choose among, and what takes too long while it plays."""
_MARKS_OF_A_LOG = ("metadata.yaml", "run.json")
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class LogEntry:
    """One log in the index."""

    id: str
    """What the console's addresses call it."""
    summary: LogSummary
    """What the folder shows without reading the log."""

    @property
    def name(self) -> str:
        """The log's name, as its writer gave it."""
        return self.summary.name

    def version(self) -> str:
        """Return a fingerprint of the log's files, so that pictures of a log that grew are fetched again."""
        return fingerprint(self.summary.path)


class OpenLog:
    """One log with what was computed from it.

    Args:
        entry: which log.
        version: of its files at this moment.

    Raises:
        Sim2RaceError: the log cannot be read at all.
    """

    def __init__(self, entry: LogEntry, version: str) -> None:
        self.entry = entry
        self.version = version
        self.log: CarLog = open_run(entry.summary.path)
        self.heatmaps = LogHeatmaps(self.log)
        self._others: OrderedDict[tuple[Path, str], LogHeatmaps] = OrderedDict()
        self._replay: Replay | None = None
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self.log.frames)

    @property
    def replay(self) -> Replay:
        """What there is to see in it."""
        with self._lock:
            if self._replay is None:
                self._replay = replay(self.log)
            return self._replay

    def heatmaps_by(self, policy: Path, version: str) -> LogHeatmaps:
        """Return the heat maps of this log by another policy; the last few are kept."""
        with self._lock:
            maps = self._others.setdefault((policy, version), LogHeatmaps(self.log, policy))
            self._others.move_to_end((policy, version))
            while len(self._others) > _OTHER_POLICIES:
                self._others.popitem(last=False)
            return maps

    @property
    def scorecard(self) -> Scorecard:
        """Its measures."""
        return self.replay.scorecard

    def document(self) -> bytes:
        """Return the replay document as JSON."""
        document = replay_document(self.replay)
        return json.dumps(
            {
                "id": self.entry.id,
                "version": self.version,
                "methods": _METHODS,
                "has_policy": self.log.policy_path is not None,
                **document,
            },
            allow_nan=False,
            separators=(",", ":"),
        ).encode()


class LogLibrary:
    """The logs of one folder.

    Args:
        folder: a folder of logs, or one log.

    Raises:
        Sim2RaceError: the folder does not exist.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.exists():
            raise Sim2RaceError(f"There is no folder {folder}; give the folder of car logs with --logs.")
        self.folder = folder.resolve()
        """Where the logs are."""
        self._open: OrderedDict[str, OpenLog] = OrderedDict()
        self._cards: dict[str, tuple[str, RunCard | BadFileError]] = {}
        self._lock = threading.Lock()

    def entries(self) -> list[LogEntry]:
        """Look at the folder and return its logs, the newest first."""
        entries: dict[str, LogEntry] = {}
        for summary in self._summaries():
            # What is served stays in the folder; a link may lead anywhere.
            if not summary.path.resolve().is_relative_to(self.folder):
                continue
            identifier = self._identifier(summary.path)
            entries.setdefault(identifier, LogEntry(identifier, summary))
        return list(entries.values())

    def find(self, identifier: str) -> LogEntry | None:
        """Return the log of that id, or None."""
        with self._lock:
            kept = self._open.get(identifier)
        if kept is not None and kept.entry.summary.path.exists():
            return kept.entry
        return next((entry for entry in self.entries() if entry.id == identifier), None)

    def open(self, identifier: str, *, version: str | None = None) -> OpenLog | None:
        """Return a log by its id, opened once and kept while it is among the last few used; None if unknown.

        Args:
            identifier: an id from the index.
            version: what the asking page shows. If that is open, it is given even if the log has grown since:
                a page on a log that is being written stays as it was until it is loaded again.

        Raises:
            Sim2RaceError: the log cannot be read.
        """
        with self._lock:
            kept = self._open.get(identifier)
            if kept is not None and kept.version == version:
                self._open.move_to_end(identifier)
                return kept
        entry = self.find(identifier)
        if entry is None:
            return None
        present = entry.version()
        with self._lock:
            opened = self._open.get(identifier)
            if opened is None or opened.version != present:
                opened = OpenLog(entry, present)
            self._open[identifier] = opened
            self._open.move_to_end(identifier)
            while len(self._open) > _OPEN_LOGS:
                self._open.popitem(last=False)
        return opened

    def forget(self, identifier: str) -> None:
        """Let go of a log that has been moved away."""
        with self._lock:
            self._open.pop(identifier, None)

    def card(self, entry: LogEntry) -> tuple[str, RunCard]:
        """Return a log's version and scorecard; a list of logs asks for many and reads none of them twice.

        Raises:
            BadFileError: the log cannot be read, which is remembered too.
        """
        version = entry.version()
        with self._lock:
            kept = self._cards.get(entry.id)
        if kept is None or kept[0] != version:
            kept = version, _card_or_reason(entry.summary.path)
            with self._lock:
                self._cards[entry.id] = kept
        if isinstance(kept[1], BadFileError):
            raise BadFileError(str(kept[1]))
        return version, kept[1]

    @property
    def is_folder_of_logs(self) -> bool:
        """Whether it is a folder of logs, and not itself a log."""
        return self.folder.is_dir() and not any((self.folder / mark).exists() for mark in _MARKS_OF_A_LOG)

    def _summaries(self) -> list[LogSummary]:
        """List the folder; a folder that is itself a log, as its writer leaves it, is a list of one."""
        if self.is_folder_of_logs:
            return list_runs(self.folder)
        return [log for log in list_runs(self.folder.parent) if log.path == self.folder]

    def _identifier(self, path: Path) -> str:
        """Return the log's name where that is plain; else a plain form of it with a hash of where it lies."""
        relative = str(path.resolve().relative_to(self.folder)) if path != self.folder else path.name
        if _SAFE_NAME.fullmatch(relative):
            return relative
        plain = re.sub(r"[^A-Za-z0-9_-]+", "-", path.name).strip("-") or "log"
        return f"{plain}-{hashlib.sha256(relative.encode(errors='surrogateescape')).hexdigest()[:8]}"


def _card_or_reason(path: Path) -> RunCard | BadFileError:
    try:
        return read_run_card(path)
    except BadFileError as error:
        return error
