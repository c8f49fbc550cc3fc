"""The peak of a process' memory: its own, and no other's."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from car.memory import peak_mib


def _child(code: str) -> float:
    """Return what a process of its own prints."""
    command = [sys.executable, "-c", f"from car.memory import peak_mib; {code}; print(peak_mib())"]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_memory_that_was_given_back_counts() -> None:
    nothing, something = _child("pass"), _child("kept = b'x' * (80 << 20); del kept")
    assert something - nothing == pytest.approx(80.0, abs=4.0)


def test_memory_of_who_started_the_process_does_not_count() -> None:
    large = np.ones(200 << 20, np.uint8)
    assert peak_mib() > 200.0
    assert _child("pass") < 60.0
    assert large.sum() == large.size
