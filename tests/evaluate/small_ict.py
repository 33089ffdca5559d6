"""The open head cut into the parts of ICT-FaceKit's model, and the same as a checkout of its repository."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

from shared.evaluate.faces import ibug68
from shared.evaluate.ict.model import IctModel
from tests.evaluate import plain_set

_UNITS = ("jawOpen", "mouthSmile_L", "mouthSmile_R")
_REGIONS = {
    "scleraL": ("left_eye",),
    "scleraR": ("right_eye",),
    "mouth": ("mouth_interior",),
    "head": ("neck", "scalp"),
}


@cache
def model() -> IctModel:
    """Three modes and three units; gums, teeth and irises are empty."""
    head = plain_set.model().assets
    verts = 1e3 * head.v_template.numpy()
    faces, left = head.faces.numpy(), np.ones(len(head.faces), bool)
    parts: dict[str, np.ndarray] = {}
    for name, regions in _REGIONS.items():
        inside = np.any([head.regions[region].numpy() for region in regions if region in head.regions], 0)
        parts[name] = faces[left & inside[faces].all(1)]
        left &= ~inside[faces].all(1)
    parts = {"face": faces[left], **parts}
    none = faces[:0]
    parts |= dict.fromkeys(("socket", "gums", "teeth", "irisL", "irisR"), none)
    ends = np.cumsum([0, *(len(part) for part in parts.values())]).tolist()
    triangles = np.concatenate(list(parts.values()))
    marks = ibug68(head.v_template, head)
    assert marks is not None
    near = np.linalg.norm(verts[None] - 1e3 * marks.numpy()[:, None], axis=2).argmin(1)
    return IctModel(
        verts.astype(np.float32),
        1e3 * head.shapedirs[..., :3].permute(2, 0, 1).numpy(),
        1e3 * head.expressiondirs[..., : len(_UNITS)].permute(2, 0, 1).numpy(),
        _UNITS,
        triangles[:, [0, 1, 2, 2]].astype(np.int64),
        near.astype(np.int64),
        {name: (ends[row], ends[row + 1]) for row, name in enumerate(parts)},
    )


def write_checkout(root: Path) -> IctModel:
    """The model as OBJ files in centimetres; returns it."""
    whole, folder = model(), root / "FaceXModel"
    folder.mkdir(parents=True)
    _write_obj(folder / "generic_neutral_mesh.obj", whole.neutral_mm, whole.quads)
    for row, mode in enumerate(whole.identity_mm):
        _write_obj(folder / f"identity{row:03d}.obj", whole.neutral_mm + mode, whole.quads)
    for name, moved in zip(whole.expression_names, whole.expression_mm, strict=True):
        _write_obj(folder / f"{name}.obj", whole.neutral_mm + moved, whole.quads)
    indices = {"expressions": list(whole.expression_names), "idx_to_landmark_verts": whole.ibug68.tolist()}
    (folder / "vertex_indices.json").write_text(json.dumps(indices))
    return whole


def _write_obj(path: Path, verts_mm: np.ndarray, quads: np.ndarray) -> None:
    lines = ["mtllib some.mtl", *(f"v {x:.7f} {y:.7f} {z:.7f}" for x, y, z in verts_mm / 10), "vt 0.5 0.5"]
    for quad in quads + 1:
        corners = quad[:3] if quad[2] == quad[3] else quad
        lines.append("f " + " ".join(f"{corner}/1" for corner in corners))
    path.write_text("\n".join(lines) + "\n")
