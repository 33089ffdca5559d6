"""One detector for all tests, and the test photo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut

from shared.images.mediapipe_faces import MediaPipeFaces
from tests.images.bad_folder import make_bad_folder


@pytest.fixture(scope="session")
def detector() -> Iterator[MediaPipeFaces]:
    with MediaPipeFaces() as faces:
        yield faces


@pytest.fixture
def photo() -> np.ndarray:
    return astronaut()


@pytest.fixture(scope="session")
def bad_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    path = tmp_path_factory.mktemp("inputs") / "bad"
    return path, make_bad_folder(path)
