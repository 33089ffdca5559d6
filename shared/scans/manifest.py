"""What all scans of a folder have in common."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from shared.runs.errors import UserError

SCHEMA = "pixel3dmm-distill/scans/1"
MANIFEST = "scans.json"
_UNITS_M = {"m": 1.0, "cm": 1e-2, "mm": 1e-3}
_RADIUS_MM = 95.0


@dataclass(frozen=True)
class ScanManifest:
    """Of the folder."""

    normals: Literal["camera", "head"] | None  # frame of the stored normals; None where there are none
    head_id: str | None  # of the head that was registered, if one was
    metres: float  # of the meshes' unit
    radius_m: float  # raw meshes are judged so far around the point below the nose

    @staticmethod
    def read(root: Path) -> ScanManifest:
        """UserError if it is missing, damaged or of another kind."""
        path = root / MANIFEST
        values = _values(path)
        normals, unit, radius = values.get("normals"), values.get("unit", "m"), values.get("radius_mm", _RADIUS_MM)
        if normals not in ("camera", "head", None):
            raise UserError(f'{path} has "normals": {json.dumps(normals)}; give "camera" or "head"')
        if unit not in _UNITS_M:
            raise UserError(f'{path} has "unit": {json.dumps(unit)}; give one of {", ".join(_UNITS_M)}')
        if not isinstance(radius, int | float) or radius <= 0:
            raise UserError(f'{path} has "radius_mm": {json.dumps(radius)}; give a positive number')
        return ScanManifest(normals, values.get("head_id"), _UNITS_M[unit], radius / 1e3)


def _values(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); docs/scans.md says what it holds") from error
    if not isinstance(values, dict) or values.get("schema") != SCHEMA:
        raise UserError(f'{path} needs "schema": "{SCHEMA}", docs/scans.md')
    return values
