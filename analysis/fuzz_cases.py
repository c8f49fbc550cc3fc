"""Files to hurt a console with: whole ones of every kind that it opens, and what becomes of them.

Everything follows from a seed and a number, so that a case that hurt can be made again.
"""

from __future__ import annotations

import gzip
import io
import json
import shutil
import sqlite3
import struct
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from backports.zstd import compress as zstd_compress
from lz4.frame import compress as lz4_compress  # type: ignore[import-untyped]
from rosbags.rosbag2 import StoragePlugin, Writer

from analysis.bench_log import write_bench_log
from analysis.fuzz_blows import mutated
from analysis.log_index import index_path, open_log
from car.cdr import ENCAPSULATION_BYTES
from car.mcap_file import MAGIC, McapFile
from car.messages import typestore
from car.topics import TOPICS

FRAMES = 12
"""Frames of the logs that are damaged: a few show all that many would, and a case is over sooner."""
MIB = 2**20

HOSTILE_NAMES = (
    "../../outside.mcap",
    "/tmp/outside.mcap",
    "..\\..\\outside.db3",
    "C:\\outside.mcap",
    "a/../../outside.mcap",
    "run.json/part.mcap",
    "x" * 300 + ".mcap",
    "line\nbreak.mcap",
    "null\0byte.mcap",
    "\u202egnp.mcap",
    ".mcap",
    "-rf.mcap",
    "CON.mcap",
    "%2e%2e%2fx.mcap",
    "log/log_0.mcap",
)


@dataclass(frozen=True)
class Case:
    """One file, or folder of files, to be opened."""

    kind: str
    """What it was before: a key of `KINDS`."""
    how: str
    """What was done to it, in words."""
    name: str
    """What the sender calls it."""
    files: dict[str, bytes]
    """Content by name; one entry but for logs with something beside them."""


class Corpus:
    """Whole files of every kind, made once.

    Args:
        folder: where they are made.
        policy: a `policy.onnx`.
    """

    def __init__(self, folder: Path, policy: Path) -> None:
        log = write_bench_log(folder / "ours", frames=FRAMES, name="ours", policy=policy)
        self.policy = policy.read_bytes()
        self.run = (log / "run.json").read_bytes()
        self.mcap = next(log.glob("*.mcap")).read_bytes()
        open_log(log)
        self.index = index_path(log).read_bytes()
        entries = [(e.topic, e.stamp_ns, e.data) for e in McapFile(next(log.glob("*.mcap"))).entries()]
        self.plain_mcap = without_checksums(self.mcap)
        self.zstd_mcap = packed_chunks(self.mcap, "zstd")
        self.lz4_mcap = packed_chunks(self.mcap, "lz4")
        self.db3 = _sqlite_log(folder / "theirs", entries)
        self.csv = _trace()
        trials = [{"completion_percentage": 100, "elapsed_time_in_milliseconds": 12_000, "trial": 1}] * 3
        self.metrics = json.dumps({"metrics": trials, "version": "2.0"}).encode()
        tables = {"b/0-iteration.csv": self.csv, "b/metrics.json": self.metrics}
        whole = {"a/a.mcap": self.mcap, "a/run.json": self.run, **tables}
        self.archives = [_zip(whole), _tar({"a/a.mcap": self.mcap})]

        self.bombs = [_bomb(100, zipped=True), _bomb(100, zipped=False)]

    def case(self, seed: int, number: int) -> Case:
        """Return the case of that number."""
        chance = np.random.default_rng((seed, number))
        kinds = list(KINDS)
        kind = kinds[int(chance.choice(len(kinds), p=np.array(list(KINDS.values())) / sum(KINDS.values())))]
        make: Callable[[np.random.Generator], Case] = getattr(self, f"_{kind}")
        return make(chance)

    def _log(self, chance: np.random.Generator) -> Case:
        whole = (self.mcap, self.plain_mcap, self.plain_mcap, self.zstd_mcap, self.lz4_mcap)
        content, how = mutated(whole[int(chance.integers(len(whole)))], chance)
        files = {"log.mcap": content}
        if chance.random() < 0.3:
            files["run.json"] = self.run
        return Case("log", how, "log.mcap", files)

    def _sqlite(self, chance: np.random.Generator) -> Case:
        content, how = mutated(self.db3, chance)
        return Case("sqlite", how, "log.db3", {"log.db3": content})

    def _packed(self, chance: np.random.Generator) -> Case:
        whole, suffix = ((self.mcap, "mcap"), (self.db3, "db3"))[int(chance.integers(2))]
        if chance.random() < 0.5:
            content, how = mutated(zstd_compress(whole), chance)
        else:
            content, how = mutated(whole, chance)
            content = zstd_compress(content)
        return Case("packed", how, f"log.{suffix}.zstd", {f"log.{suffix}.zstd": content})

    def _trace(self, chance: np.random.Generator) -> Case:
        content, how = mutated(self.csv, chance, text=True)
        return Case("trace", how, "trace.csv", {"trace.csv": content})

    def _metrics(self, chance: np.random.Generator) -> Case:
        content, how = mutated(self.metrics, chance, text=True)
        return Case("metrics", how, "metrics.json", {"metrics.json": content})

    def _beside(self, chance: np.random.Generator) -> Case:
        """A good log with something damaged beside it."""
        name = (
            "run.json",
            "model_metadata.json",
            ".sim2race-index.npz",
            "policy.onnx",
            ".sim2race-card.json",
        )[int(chance.integers(5))]
        whole = {
            "run.json": self.run,
            "model_metadata.json": json.dumps(json.loads(self.run)["action_space"]).encode(),
            ".sim2race-index.npz": self.index,
            "policy.onnx": self.policy,
            ".sim2race-card.json": b'{"mark": "x", "name": "y", "figures": {}, "pieces": []}',
        }[name]
        content, how = mutated(whole, chance, text=name.endswith(".json"))
        return Case("beside", f"{name}: {how}", "log.mcap", {"log.mcap": self.mcap, name: content})

    def _policy(self, chance: np.random.Generator) -> Case:
        content, how = mutated(self.policy, chance)
        return Case("policy", how, "policy.onnx", {"policy.onnx": content})

    def _archive(self, chance: np.random.Generator) -> Case:
        """An upload: an archive that is damaged, holds hostile names, or unpacks to too much."""
        name = HOSTILE_NAMES[int(chance.integers(len(HOSTILE_NAMES)))]
        roll = chance.random()
        if roll < 0.4:
            content, how = mutated(self.archives[int(chance.integers(2))], chance)
            return Case(
                "archive", how, ("log.zip", "log.tar.gz")[int(chance.integers(2))], {"upload": content}
            )
        if roll < 0.7:
            make = (_zip, _tar)[int(chance.integers(2))]
            return Case("archive", f"member {name!r}", "log.zip", {"upload": make({name: self.mcap})})
        if roll < 0.9:
            return Case("archive", f"called {name!r}", name, {"upload": self.mcap})
        bomb = self.bombs[int(roll < 0.95)]
        return Case("archive", "a bomb of 100 MiB", "log.tar.gz", {"upload": bomb})


KINDS = {
    "log": 30,
    "sqlite": 14,
    "packed": 8,
    "trace": 10,
    "metrics": 8,
    "beside": 10,
    "policy": 10,
    "archive": 10,
}
"""Kinds of cases, and their weights."""


def without_checksums(mcap: bytes) -> bytes:
    """Return an MCAP file whose chunks say that they have no checksum: damage is not just left out."""
    content = bytearray(mcap)
    for at, op, _ in _records(mcap):
        if op == 6:
            content[at + 9 + 24 : at + 9 + 28] = bytes(4)
    return bytes(content)


def packed_chunks(mcap: bytes, compression: str) -> bytes:
    """Return an MCAP file with its chunks compressed; what has no chunk becomes one."""
    pack = zstd_compress if compression == "zstd" else lz4_compress
    loose = b"".join(mcap[at : at + 9 + size] for at, op, size in _records(mcap) if op in (3, 4, 5))
    chunks = [mcap[at + 9 : at + 9 + size] for at, op, size in _records(mcap) if op == 6]
    for chunk in chunks:
        (name_size,) = struct.unpack_from("<I", chunk, 28)
        loose += chunk[32 + name_size + 8 :]
    body = struct.pack("<QQQI", 0, 2**62, len(loose), 0) + struct.pack("<I", len(compression))
    packed = pack(loose)
    body += compression.encode() + struct.pack("<Q", len(packed)) + packed
    return MAGIC + struct.pack("<BQ", 6, len(body)) + body + struct.pack("<BQ", 15, 4) + bytes(4) + MAGIC


def _records(mcap: bytes) -> list[tuple[int, int, int]]:
    """Return where each record of a whole MCAP file is, its kind, and the size of its content."""
    at, found = len(MAGIC), []
    while at + 9 <= len(mcap) - len(MAGIC):
        op, size = struct.unpack_from("<BQ", mcap, at)
        found.append((at, op, size))
        at += 9 + size
    return found


def _sqlite_log(folder: Path, entries: list[tuple[str, int, bytes]]) -> bytes:
    with Writer(folder, version=8, storage_plugin=StoragePlugin.SQLITE3) as bag:
        names = dict.fromkeys(topic for topic, _, data in entries if len(data) > ENCAPSULATION_BYTES)
        store = typestore()
        known = {n: bag.add_connection(n, TOPICS[n].type_name, typestore=store) for n in names if n in TOPICS}
        for topic, stamp_ns, data in entries:
            if topic in known:
                bag.write(known[topic], stamp_ns, data)
    path = next(folder.glob("*.db3"))
    # One file that holds everything, without a journal beside it.
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode=DELETE")
    database.close()
    content = path.read_bytes()
    shutil.rmtree(folder)
    return content


def _trace() -> bytes:
    names = "episode,steps,X,Y,yaw,steer,throttle,action,reward,done,all_wheels_on_track,progress"
    lines = [names + ",closest_waypoint,track_len,tstamp,episode_status,pause_duration"]
    for step in range(60):
        episode, x = divmod(step, 30)
        state = "in_progress" if x < 29 else "lap_complete"
        place = f"{0.1 * x:.3f},{0.2:.3f},1.5,-10.0,1.2,2,1.0,False,True,{x * 100 / 29:.2f}"
        lines.append(f"{episode},{x},{place},{x},17.7,{step / 15:.3f},{state},0.0")
    return ("\n".join(lines) + "\n").encode()


def _bomb(mib: int, *, zipped: bool) -> bytes:
    """Return an archive that unpacks to many zeros, made by the piece so as not to take memory itself."""
    packed = io.BytesIO()
    if zipped:
        with (
            zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("a.mcap", "w") as member,
        ):
            member.write(MAGIC)
            for _ in range(mib):
                member.write(bytes(MIB))
        return packed.getvalue()
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        for _ in range(mib):
            file.write(bytes(MIB))
    return packed.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return packed.getvalue()


def _tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("\0", "_"))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("link.mcap")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        if len(files) > 1:
            archive.addfile(link)
    return packed.getvalue()
