"""What the asset keeps of built tensors: float16 directions, small integers, float32 rest; and metadata as text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from shared.flame.open_head.makehuman import Array

HALF = ("shapedirs", "expressiondirs", "eyelid_dirs", "posedirs_jaw")
INDEX_TYPES = {"faces": np.uint16, "uv_faces": np.uint16, "mirror": np.uint16, "kintree_table": np.uint32}


def stored_tensors(tensors: dict[str, Array]) -> dict[str, Array]:
    """Each in its type in the file. ValueError if that does not hold its values."""
    out = {}
    for name, tensor in tensors.items():
        cast = np.ascontiguousarray(tensor, _type_of(name))
        if not np.allclose(cast.astype(np.float64), tensor, rtol=1e-3, atol=1e-6):
            raise ValueError(f"{name} does not fit {cast.dtype}")
        out[name] = cast
    return out


def _type_of(name: str) -> Any:
    if name in INDEX_TYPES:
        return INDEX_TYPES[name]
    if name.startswith("region."):
        return np.uint8
    if name.endswith("_index"):
        return np.int32
    return np.float16 if name in HALF else np.float32


def stored_text(metadata: dict[str, Any]) -> dict[str, str]:
    """Values that are not strings become JSON."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in metadata.items()}
