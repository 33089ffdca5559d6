"""The folder of awkward inputs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.images.bad_folder import make_bad_folder


@pytest.fixture(scope="session")
def bad_folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    path = tmp_path_factory.mktemp("inputs") / "bad"
    return path, make_bad_folder(path)
