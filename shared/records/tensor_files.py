"""Safetensors files with one JSON header of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from shared.runs.files import write_bytes

_ENTRY = "pixel3dmm"


class TensorFileError(Exception):
    """A file that is damaged, gone, or of another kind; the message names it and says which."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> Path:
    """Write tensors and JSON values atomically; equal ones give equal bytes. StorageError if it cannot be written."""
    # Ours is one entry, as the order of several changes from run to run in safetensors.
    return write_bytes(path, save(dict(tensors), {_ENTRY: json.dumps(header, sort_keys=True)}))


def read_tensors(path: Path, schema: str, *older: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, whose pages are read when they are used, and the header.

    Its "schema" must be ``schema`` or one of the older ones.
    TensorFileError if the file cannot be read, or is of another schema.
    """
    try:
        with safe_open(path, "pt") as file:
            header = json.loads((file.metadata() or {}).get(_ENTRY, "{}"))
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise TensorFileError(f"{path} cannot be read: {error}") from error
    if header.get("schema") not in (schema, *older):
        raise TensorFileError(f"{path} is of {header.get('schema') or 'another program'}, this version reads {schema}")
    return tensors, header
