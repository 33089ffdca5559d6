"""Safetensors files with one JSON header of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from shared.files import write_bytes

_ENTRY = "pixel3dmm"
UNREADABLE = (SafetensorError, OSError, ValueError)  # what `read_tensors` raises for a file that is damaged or gone


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> Path:
    """Write tensors and JSON values atomically; equal ones give equal bytes. StorageError if it cannot be written."""
    # Ours is one entry, as the order of several changes from run to run in safetensors.
    return write_bytes(path, save(dict(tensors), {_ENTRY: json.dumps(header, sort_keys=True)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, whose pages are read when they are used, and the header, empty where there is none of ours."""
    with safe_open(path, "pt") as file:
        header = json.loads((file.metadata() or {}).get(_ENTRY, "{}"))
    return load_file(path), header
