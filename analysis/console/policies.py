"""The policies that the console can lay beside each other: those in the logs, and the installed ones.

An id from a page is looked up among these and never becomes a path: `log:<id>` is the policy beside a log,
`model:<name>` an installed one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from analysis.console.library import LogLibrary
from car.errors import Sim2RaceError
from car.models import ModelStore

POLICY_NAME = "policy.onnx"


@dataclass(frozen=True)
class Shelved:
    """One policy that can be chosen."""

    id: str
    """What the addresses call it."""
    name: str
    """What people call it."""
    path: Path

    @property
    def version(self) -> str:
        """A mark that changes with the file, so that what a browser keeps belongs to this very policy."""
        try:
            found = self.path.stat()
        except OSError:
            return "gone"
        return f"{found.st_mtime_ns:x}{found.st_size:x}"


class PolicyShelf:
    """All policies of a console.

    Args:
        library: the logs.
        models: folder of installed models; one that is not there holds none.
    """

    def __init__(self, library: LogLibrary, models: Path) -> None:
        self._library = library
        self._models = ModelStore(models)

    def policies(self) -> list[Shelved]:
        """Look and return what is there: the installed models, then the logs' own, the newest log first."""
        installed = [
            Shelved(f"model:{name}", name, self._models.folder / f"{name}.onnx")
            for name in self._models.names()
        ]
        beside = [
            Shelved(f"log:{entry.id}", f"of {entry.name}", entry.summary.path / POLICY_NAME)
            for entry in self._library.entries()
            if (entry.summary.path / POLICY_NAME).is_file()
        ]
        return [*installed, *beside]

    def find(self, identifier: str) -> Shelved:
        """Return a policy by its id.

        Raises:
            Sim2RaceError: there is none of that id.
        """
        for policy in self.policies():
            if policy.id == identifier:
                return policy
        raise Sim2RaceError("There is no policy of that name here; reload the page for those there are.")
