"""Folders of one kind of run, of another kind, and of nobody's."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.runs.errors import UserError
from shared.runs.manifest import NAME, claim

RUN = {"schema": "evaluation/1", "method": "a", "options": {"size": (3, 4), "deep": 1}}
MADE = ("rows", "page.html")


def start(root: Path, overwrite: bool = False, **changes: object) -> None:
    claim(root, {**RUN, **changes}, MADE, overwrite)


def test_the_same_run_goes_on_and_another_does_not(tmp_path: Path) -> None:
    start(tmp_path)
    (tmp_path / "page.html").touch()
    start(tmp_path)
    with pytest.raises(
        UserError, match=r"another run:\n  - method was a and is b\n  - options.deep was 1 and is None\n"
    ):
        start(tmp_path, method="b", options={"size": [3, 4]})
    assert (tmp_path / "page.html").exists()


def test_overwrite_deletes_what_such_a_run_makes_and_nothing_else(tmp_path: Path) -> None:
    start(tmp_path)
    (tmp_path / "rows").mkdir()
    for name in ("rows/1", "page.html", "notes.txt"):
        (tmp_path / name).touch()
    start(tmp_path, overwrite=True, method="b")
    assert {path.name for path in tmp_path.iterdir()} == {NAME, "notes.txt"}


@pytest.mark.parametrize("text", ['{"schema": "labels/1"}', '{"method": "a"}', "[]", "{"])
def test_runs_of_other_kinds_are_never_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).write_text(text)
    (tmp_path / "page.html").write_text("of another command")
    with pytest.raises(UserError, match="choose another out="):
        start(tmp_path, overwrite=True)
    assert (tmp_path / "page.html").exists()
    assert (tmp_path / NAME).read_text() == text


def test_a_folder_of_the_user_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".hidden").touch()
    start(tmp_path / "new" / "run")
    with pytest.raises(UserError, match="not empty"):
        start(tmp_path, overwrite=True)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / ".hidden").touch()
    start(tmp_path / "empty")
