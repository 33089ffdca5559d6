"""The expression units of a linear model of scanned people, and the margins of its lids and lips."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shared.flame.errors import FlameFileError
from shared.flame.open_head.calibration.people import ScanModel
from shared.flame.open_head.loops import boundary_loops
from shared.flame.open_head.makehuman import Array

_MM = 1e-3
_ARRAYS = ("expression_mm", "expression_names", "quads", "part_names", "part_quads")
# Rings of ICT-FaceKit's faces from the edge of a hole to what one sees of it: lids are thick, lips roll inwards.
LID_RING, LIP_RING = 2, 7
WHOLE_ARKIT = ("browInnerUp", "cheekPuff")  # which the model splits in left and right
SIDEWAYS = ("jawLeft", "jawRight", "mouthLeft", "mouthRight")
JAW_SHARE_M = 0.03  # of the jaw's opening: what moves down this far is lower lip


def scan_names(arkit_name: str) -> tuple[str, ...]:
    """The model's units that together are one of ARKit's."""
    if arkit_name in WHOLE_ARKIT:
        return f"{arkit_name}_L", f"{arkit_name}_R"
    if arkit_name in SIDEWAYS:
        return (arkit_name,)
    return (arkit_name.replace("Left", "_L").replace("Right", "_R"),)


@dataclass(frozen=True, eq=False)
class ScanUnits:
    """A person with activations a is ``person + a @ offsets_m``; the same units for everybody."""

    model: ScanModel
    names: tuple[str, ...]  # N
    offsets_m: Array  # (N, P, 3)
    visible_faces: Array  # (F, 3) skin without the insides of lids and lips
    lids: tuple[Array, Array]  # ordered closed rings of vertices: the left and the right eye's margin
    lips: Array  # the ring where the lips meet
    lower_teeth: Array  # vertices

    @staticmethod
    def read(path: Path) -> ScanUnits:
        """ICT-FaceKit packed in one .npz of millimetres. FlameFileError where it is no such file."""
        model = ScanModel.read(path)
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in _ARRAYS if name not in file]
            if missing:
                raise FlameFileError(path, f"has no {', '.join(missing)}", "give the packed ICT-FaceKit model")
            arrays = {name: file[name] for name in _ARRAYS}
        quads = {
            str(name): arrays["quads"][first:last]
            for name, (first, last) in zip(arrays["part_names"], arrays["part_quads"], strict=True)
        }
        names = tuple(str(name) for name in arrays["expression_names"])
        offsets = arrays["expression_mm"].astype(np.float64) * _MM
        rings, hidden = _margins(quads["face"])
        lips = max(rings, key=len)
        left, right = sorted((ring for ring in rings if ring is not lips), key=lambda r: -model.mean_m[r, 0].mean())
        inside = np.zeros(len(model.mean_m), bool)
        inside[hidden] = True
        teeth = np.unique(quads["teeth"])
        opening = np.linalg.norm(offsets[names.index("jawOpen")], axis=1)
        return ScanUnits(
            model=model,
            names=names,
            offsets_m=offsets,
            visible_faces=model.faces[~inside[model.faces].any(1)],
            lids=(left, right),
            lips=lips,
            lower_teeth=teeth[opening[teeth] > 0.1 * opening.max()],
        )

    def activation(self, arkit: dict[str, float]) -> Array:
        """(N,) of ARKit's units. KeyError for one that the model lacks."""
        out = np.zeros(len(self.names))
        index = {name: i for i, name in enumerate(self.names)}
        for unit, amount in arkit.items():
            for name in scan_names(unit):
                out[index[name]] += amount
        return out

    def lower_share(self) -> Array:
        """(P,) 1 where skin follows the jaw, 0 where it does not."""
        return np.clip(-self.offsets_m[self.names.index("jawOpen")][:, 1] / JAW_SHARE_M, 0, 1)


def _margins(quads: Array) -> tuple[list[Array], Array]:
    """Visible margins around the holes of the face's part, and the vertices that lie inside them.

    Each new ring of a regular grid of quads has one vertex for each of the ring before, in the same order.
    """
    around: dict[int, set[int]] = {}
    for quad in quads.tolist():
        corners = list(dict.fromkeys(quad))
        for first, second in zip(corners, corners[1:] + corners[:1], strict=True):
            around.setdefault(first, set()).add(second)
            around.setdefault(second, set()).add(first)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    triangles = triangles[(triangles[:, 0] != triangles[:, 2]) & (triangles[:, 1] != triangles[:, 2])]
    holes = sorted(boundary_loops(triangles), key=len)[:3]  # the largest is the part's own edge
    rings, hidden = [], []
    for hole in holes:
        ring = hole.tolist()
        seen = set(ring)
        for _ in range(LIP_RING if hole is holes[-1] else LID_RING):
            hidden += ring
            ring = list(dict.fromkeys(v for vertex in ring for v in sorted(around[vertex] - seen)))
            seen.update(ring)
        rings.append(np.array(ring))
    return rings, np.array(hidden)
