"""Shared fixtures. Everything runs on the open head; nothing outside the repository is read."""

from __future__ import annotations

import os
from collections.abc import Iterator

if "PYTEST_XDIST_WORKER" in os.environ:  # processes that share the cores; the commands that tests start do too
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported

import numpy as np
import pytest
import torch

from shared.landmarker.search import FaceLandmarker


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what this machine cannot run."""
    no_gpu = pytest.mark.skip(reason="needs a CUDA device, and torch sees none")
    no_flame = pytest.mark.skip(reason="needs licensed FLAME files: set PIXEL3DMM_FLAME to the model's path")
    for item in items:
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(no_gpu)
        if "licensed" in item.keywords and "PIXEL3DMM_FLAME" not in os.environ:
            item.add_marker(no_flame)


@pytest.fixture(scope="session")
def detector() -> Iterator[FaceLandmarker]:
    """One detector for all tests."""
    with FaceLandmarker() as faces:
        yield faces


@pytest.fixture
def photo() -> np.ndarray:
    """The test photo: one face, upright, frontal."""
    from skimage.data import astronaut

    return astronaut()
