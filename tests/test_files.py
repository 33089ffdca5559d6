"""Files are whole or absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.runs.files import StorageError, write_bytes


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(source: str, target: Path) -> None:
        raise OSError("broken disk")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(StorageError, match="broken disk"):
        write_bytes(tmp_path / "new" / "file", b"data")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_bytes(tmp_path / "file", b"old")
    monkeypatch.setattr("os.fsync", lambda descriptor: (_ for _ in ()).throw(OSError("broken disk")))
    with pytest.raises(StorageError):
        write_bytes(path, b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"
