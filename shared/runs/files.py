"""Files that are either complete or absent, whatever kills the process."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # not on Windows; two runs in one folder then repeat work, and still write the same bytes
    fcntl = None

PARTIAL = ".partial-"  # in the name of every file that is being written


class StorageError(Exception):
    """A file could not be written; the message says which and what to do."""


def write_atomically(path: Path, write: Callable[[Path], object]) -> Path:
    """Let ``write`` fill a temporary file beside ``path``, then move it into place; folders are made as needed.

    Readers see the old file, no file, or all of the new one. The temporary name keeps the suffix, by which many
    writers choose the format. Raises StorageError where the disk is full or the place is not writable.
    """
    partial = path.with_name(f".{path.stem}{PARTIAL}{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise storage_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return path


def write_bytes(path: Path, data: bytes) -> Path:
    """Write a whole file atomically."""
    return write_atomically(path, lambda partial: partial.write_bytes(data))


def write_text(path: Path, text: str) -> Path:
    """Write a UTF-8 file atomically, with line feeds on every system."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> Path:
    """Write JSON atomically; equal values give equal bytes. NaN and infinity are errors, as JSON has neither."""
    return write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def append_line(path: Path, line: str) -> None:
    """Append one line in one system call, so that lines of several processes do not mix."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, (line + "\n").encode("utf-8"))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error(path, error) from error


def remove_partial_files(folder: Path, stem: str) -> None:
    """Delete what killed writers of files named ``stem`` left behind. Only for who holds the lock on them."""
    for path in folder.glob(f".{stem}{PARTIAL}*"):
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[bool]:
    """Hold a lock file: True if this process has it, False at once if another living one does.

    The system drops the lock with the process, so nothing is ever left locked. The empty file stays.
    """
    if fcntl is None:
        yield True
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "ab")  # noqa: SIM115 - closed below, which also unlocks
    except OSError as error:
        raise storage_error(path, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.EACCES):
                yield False
                return
            # a file system without locks, as some network mounts are: work may be repeated, never mixed
        yield True


def storage_error(path: Path, error: OSError) -> StorageError:
    """What a failed write means to the user."""
    advice = {
        errno.ENOSPC: "the disk is full; free some space and run the same command again, finished work is kept",
        errno.EDQUOT: "the disk quota is used up; free some space and run the same command again",
        errno.EACCES: "no permission to write there; choose another out=",
        errno.EPERM: "no permission to write there; choose another out=",
        errno.EROFS: "the file system is read-only; choose another out=",
        errno.ENOTDIR: "a part of the path is a file, not a folder; choose another out=",
        errno.EEXIST: "a file is in the way of a folder; choose another out=",
    }.get(error.errno or 0, error.strerror or str(error))
    return StorageError(f"cannot write {path}: {advice}")
