"""Writing a car log: a rosbag2 directory that describes itself and survives the death of its writer.

A log is `<name>-YYYYmmdd-HHMMSS/` with an MCAP file, `metadata.yaml`, and copies of `policy.onnx` and
`run.json`, so that it can always be replayed. Messages go through a bounded queue to a thread of their own: a
stalled disk costs entries, which are counted, and never holds up a node. Twice a second everything so far is
handed to the operating system, so that a killed process loses less than a second; a battery pulled out loses
two or three.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
import time
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rosbags.interfaces import (
    Connection,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.rosbag2.storage_mcap import McapWriter

from car.errors import Sim2RaceError
from car.files import write_atomically
from car.messages import typestore
from car.topics import Durability, Reliability, Topic, topic_called

FLUSH_EVERY_S = 0.5
SYNC_EVERY_S = 2.0
QUEUE_BYTES = 32 * 2**20
CLOSE_DEADLINE_S = 10.0
ENTRY_OVERHEAD_BYTES = 200
"""What a queued entry costs beside its bytes."""


class LogWriter:
    """One car log, open for writing.

    Args:
        folder: where logs are kept; the log gets a directory of its own in it.
        name: what was driven, usually the policy's name; begins the directory's name.
        started_at: local time of the start; ends the directory's name.
        run: content of `run.json`: policy, action space, calibration, versions, track.
        policy: the `policy.onnx` that drives, to be copied: its path, or its bytes.
        queue_bytes: how much may wait for the disk.

    Raises:
        Sim2RaceError: the directory cannot be made or written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        started_at: datetime,
        run: Mapping[str, Any] | None = None,
        policy: Path | bytes | None = None,
        queue_bytes: int = QUEUE_BYTES,
    ) -> None:
        self.path = _free_path(folder, f"{safe_name(name)}-{started_at:%Y%m%d-%H%M%S}")
        """The log's directory."""
        self.dropped = 0
        """Entries that were not written, because the disk was too slow or failed."""
        self.written = 0
        """Entries in the file."""
        self.failure: str | None = None
        """Why writing ended early; None while all is well."""
        self._queue_bytes = queue_bytes
        self._queue: deque[tuple[str, int, bytes]] = deque()
        self._queued_bytes = 0
        self._in_hand = 0
        self._closing = False
        self._reason = ""
        self._asked_for = False
        self._changed = threading.Condition()
        try:
            self._bag = Writer(self.path, version=9, storage_plugin=StoragePlugin.MCAP)
            self._bag.open()
        except OSError as error:
            raise Sim2RaceError(f"Cannot write a log in {folder}: {error.strerror or error}.") from error
        assert isinstance(self._bag.storage, McapWriter)
        self._storage: McapWriter = self._bag.storage
        self._storage.bio.flush()
        self._connections: dict[str, Connection] = {}
        self._run = dict(run or {})
        try:
            self._copy_beside(policy)
        except Sim2RaceError:
            self._bag.abort()
            shutil.rmtree(self.path, ignore_errors=True)
            raise
        self._thread = threading.Thread(target=self._work, name="log-writer", daemon=True)
        self._thread.start()

    def write(self, topic: str, stamp_ns: int, data: bytes) -> None:
        """Queue one message; returns at once, whatever the disk does.

        Args:
            topic: a name of the topic table.
            stamp_ns: wall clock, when it was received.
            data: its CDR bytes, as they came.

        Raises:
            UnknownNameError: the topic is not in the table.
        """
        topic_called(topic)
        size = len(data) + ENTRY_OVERHEAD_BYTES
        with self._changed:
            if (
                self._closing
                or self.failure
                or self._queued_bytes + size > self._queue_bytes
                or not 0 <= stamp_ns < 2**63
            ):
                self.dropped += 1
                return
            self._queue.append((topic, stamp_ns, data))
            self._queued_bytes += size

    def close(self, reason: str = "", *, asked_for: bool = False) -> None:
        """Write what is queued, the index and `metadata.yaml`; gives up after a deadline if the disk hangs.

        Args:
            reason: why the log ends; kept in `metadata.yaml`.
            asked_for: whether somebody asked for this end, so that the reason is no failure.
        """
        with self._changed:
            if not self._closing:
                self._reason, self._asked_for = reason, asked_for
            self._closing = True
            self._changed.notify()
        self._thread.join(CLOSE_DEADLINE_S)
        if self._thread.is_alive():
            self.failure = f"the disk did not answer for {CLOSE_DEADLINE_S:g} s"

    def __enter__(self) -> LogWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self.close(f"{kind.__name__}: {error}" if kind else "")

    def _copy_beside(self, policy: Path | bytes | None) -> None:
        self._write_run()
        if policy is not None:
            content = policy if isinstance(policy, bytes) else _read(policy)
            write_atomically(self.path / "policy.onnx", content)

    def _write_run(self) -> None:
        write_atomically(self.path / "run.json", json.dumps(self._run, indent=2) + "\n")

    def _work(self) -> None:
        """Be the thread: move entries from the queue to the file until closed, or until the disk fails."""
        flushed_s = synced_s = time.monotonic()
        is_last = False
        try:
            while not is_last:
                with self._changed:
                    self._changed.wait_for(lambda: self._closing, timeout=0.05)
                    is_last = self._closing
                    entries, self._queue = self._queue, deque()
                    self._queued_bytes = 0
                self._in_hand += len(entries)
                for topic, stamp_ns, data in entries:
                    self._bag.write(self._connection(topic), stamp_ns, data)
                now_s = time.monotonic()
                if now_s - flushed_s >= FLUSH_EVERY_S:
                    self._flush()
                    flushed_s = now_s
                if now_s - synced_s >= SYNC_EVERY_S:
                    os.fsync(self._storage.bio.fileno())
                    synced_s = now_s
            self._flush()
            self._finish()
        except Exception as error:  # a log must never take the car down with it
            self._give_up(f"{error.strerror or error}" if isinstance(error, OSError) else repr(error))

    def _flush(self) -> None:
        """End the chunk, so that everything up to here is in the hands of the operating system."""
        if self._storage.chunk.msgs:
            self._storage.close_chunk()
        self._storage.bio.flush()
        self.written += self._in_hand
        self._in_hand = 0

    def _finish(self) -> None:
        self._bag.set_custom_data("close_reason", self._reason)
        self._bag.set_custom_data("dropped", str(self.dropped))
        self._bag.close()
        self._run["end"] = {
            "reason": self._reason,
            "asked_for": self._asked_for,
            "dropped": self.dropped,
            "written": self.written,
        }
        self._write_run()

    def _give_up(self, failure: str) -> None:
        with self._changed:
            self.failure = failure
            self.dropped += len(self._queue) + self._in_hand
            self._queue.clear()
        try:
            self._bag.abort()
        except OSError:
            # What the disk did not take the first time it does not take now; the file is closed all the same.
            return

    def _connection(self, name: str) -> Connection:
        if name not in self._connections:
            topic = topic_called(name)
            self._connections[name] = self._bag.add_connection(
                name, topic.type_name, typestore=typestore(), offered_qos_profiles=[_qos(topic)]
            )
        return self._connections[name]


def safe_name(name: str) -> str:
    """Return `name` with everything replaced that is no good in a folder's name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".")[:80] or "log"


def _read(policy: Path) -> bytes:
    try:
        return policy.read_bytes()
    except OSError as error:
        raise Sim2RaceError(f"Cannot read the policy {policy}: {error.strerror or error}.") from error


def _free_path(folder: Path, name: str) -> Path:
    path = folder / name
    count = 1
    while path.exists():
        count += 1
        path = folder / f"{name}-{count}"
    return path


def _qos(topic: Topic) -> Qos:
    reliable = topic.reliability is Reliability.RELIABLE
    transient = topic.durability is Durability.TRANSIENT_LOCAL
    forever = QosTime(sec=9_223_372_036, nsec=854_775_807)
    return Qos(
        history=QosHistory.KEEP_LAST,
        depth=topic.depth,
        reliability=QosReliability.RELIABLE if reliable else QosReliability.BEST_EFFORT,
        durability=QosDurability.TRANSIENT_LOCAL if transient else QosDurability.VOLATILE,
        deadline=forever,
        lifespan=forever,
        liveliness=QosLiveliness.AUTOMATIC,
        liveliness_lease_duration=forever,
        avoid_ros_namespace_conventions=False,
    )
