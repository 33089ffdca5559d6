"""Keep converted model files as safetensors, named by the SHA-256 of their source."""

from __future__ import annotations

import hashlib
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from shared.runs.files import StorageError, write_bytes

CACHE_VARIABLE = "PIXEL3DMM_CACHE"
SCHEMA = "1"  # raise when the conversion changes; older files are then rebuilt

log = logging.getLogger(__name__)
Arrays = dict[str, np.ndarray]


def cache_folder() -> Path:
    """The folder named by PIXEL3DMM_CACHE, else the platform's folder for caches of this user. Not created here."""
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE]).expanduser()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "pixel3dmm-distill"


def cached(source: bytes, convert: Callable[[bytes], Arrays]) -> Arrays:
    """``convert(source)``, or what an earlier call with the same bytes kept.

    A kept file that is stale or damaged is rebuilt. A folder that cannot be written is logged and done without.
    """
    digest = hashlib.sha256(source).hexdigest()
    kept = cache_folder() / "flame" / f"{digest}.safetensors"
    if kept.is_file():
        try:
            return _read(kept, digest)
        except (SafetensorError, OSError, ValueError) as error:
            log.info("rebuilding %s: %s", kept, error)
    arrays = {name: np.ascontiguousarray(array) for name, array in convert(source).items()}
    try:
        write_bytes(kept, save(arrays, metadata={"schema": SCHEMA, "source_sha256": digest}))
    except StorageError as error:
        log.warning("cannot keep the converted model (%s); set %s to a folder you can write", error, CACHE_VARIABLE)
    return arrays


def _read(kept: Path, digest: str) -> Arrays:
    with safe_open(kept, framework="numpy") as file:
        metadata = file.metadata() or {}
        if metadata.get("schema") != SCHEMA or metadata.get("source_sha256") != digest:
            raise ValueError(f"written as schema {metadata.get('schema')!r}, this version writes {SCHEMA!r}")
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
