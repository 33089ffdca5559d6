"""ICT-FaceKit from where the user has it: a checkout, or the same data packed in one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from shared.evaluate.ict.checkout import read_checkout
from shared.evaluate.ict.model import PART_QUADS, IctModel
from shared.runs.errors import UserError

_PACKED = ("neutral_mm", "identity_mm", "expression_mm", "expression_names", "quads", "ibug68")


def read_ict(path: Path) -> IctModel:
    """The model from a checkout of the public repository, or from the same data packed in one .npz file.

    Raises:
        UserError: it is neither, or not whole.
    """
    if path.is_dir():
        return read_checkout(path)
    return _read_packed(path)


def _read_packed(path: Path) -> IctModel:
    try:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in _PACKED}
            parts = dict(PART_QUADS)
            if "part_names" in stored:
                ranges = zip(stored["part_names"].tolist(), stored["part_quads"].tolist(), strict=True)
                parts = {str(name): (int(first), int(last)) for name, (first, last) in ranges}
    except (OSError, ValueError, KeyError) as error:
        advice = "give a checkout of ICT-FaceKit, the folder that holds FaceXModel"
        raise UserError(f"ict={path} cannot be read ({error}); {advice}") from error
    return IctModel(
        arrays["neutral_mm"].astype(np.float32),
        arrays["identity_mm"].astype(np.float32),
        arrays["expression_mm"].astype(np.float32),
        tuple(str(name) for name in arrays["expression_names"]),
        arrays["quads"].astype(np.int64),
        arrays["ibug68"].astype(np.int64),
        parts,
    )
