"""One thread for PyTorch: tiny networks gain nothing from more, and on a busy machine they wait."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    torch.set_num_threads(1)
