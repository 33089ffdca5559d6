"""What a FLAME-like head is made of, whichever file it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

JOINTS = ("root", "neck", "jaw", "left_eye", "right_eye")
PARENTS = (-1, 0, 1, 1, 1)


# What the meaning of a parameter vector depends on: parameters fitted with other values of these do not carry over.
DEFINING = (
    "v_template",
    "shapedirs",
    "expressiondirs",
    "eyelid_dirs",
    "posedirs",
    "joint_regressor",
    "lbs_weights",
    "faces",
)


@dataclass(frozen=True)
class LandmarkEmbedding:
    """Landmarks as points on the surface: a triangle and barycentric weights each."""

    face_index: Tensor  # (L,) int64, row of ``FlameAssets.faces``
    barycentric: Tensor  # (L, 3) weights of the triangle's corners, sum 1
    index: Tensor | None = None  # (L,) int64 number of each point in its full set, where only a part is there

    def positions(self, verts_m: Tensor, faces: Tensor) -> Tensor:
        """Landmarks (..., L, 3) of a mesh (..., V, 3) with faces (F, 3), in the frame and unit of its vertices."""
        corners = verts_m[..., faces[self.face_index], :]  # (..., L, 3, 3)
        return (corners * self.barycentric[..., None].to(corners)).sum(-2)


@dataclass(frozen=True)
class ArkitMap:
    """Linear map from the 52 ARKit units (activations in [0, 1]) to the head's own parameters."""

    names: tuple[str, ...]  # 52 unit names, columns of the matrices
    expression: Tensor  # (E, 52)
    jaw: Tensor  # (3, 52) axis-angle, radians at activation 1
    eyes: Tensor  # (2, 3, 52) axis-angle, radians at activation 1, left eye first


@dataclass(frozen=True)
class ExpressionPriorModel:
    """How faces move: expression, jaw and eyelids are N(0, covariance) together, zero is the neutral face."""

    covariance: Tensor  # (E + 5, E + 5) of expression, jaw (axis-angle, radians), eyelids; I for the expression alone


@dataclass(frozen=True)
class FlameAssets:
    """A head model in FLAME's schema. Metres; x = subject's left, y up, z out of the face. Float32, read to the CPU."""

    name: str  # "open-head", "flame2020", ...
    v_template: Tensor  # (V, 3)
    shapedirs: Tensor  # (V, 3, S)
    expressiondirs: Tensor  # (V, 3, E)
    eyelid_dirs: Tensor  # (V, 3, 2) zero where the file has none
    posedirs: Tensor  # (V, 3, 36) times (R - I) of neck, jaw, eyes, row-major, as in SMPL
    joint_regressor: Tensor  # (5, V)
    lbs_weights: Tensor  # (V, 5) rows sum to 1
    faces: Tensor  # (F, 3) int64, counter-clockwise seen from outside
    uv: Tensor  # (T, 2) in [0, 1], origin at the top left of the texture; (0, 2) where the file has none
    uv_faces: Tensor  # (F, 3) int64, rows of ``uv``; (0, 3) where the file has none
    regions: Mapping[str, Tensor] = field(default_factory=dict)  # name -> (V,) bool
    # "mediapipe" (478), "ibug68"; FLAME files may bring "mediapipe105" (with ``index``) or "ibug51" instead.
    landmarks: Mapping[str, LandmarkEmbedding] = field(default_factory=dict)
    mirror: Tensor | None = None  # (V,) int64, the vertex across the symmetry plane; an involution
    arkit: ArkitMap | None = None
    expression_prior: ExpressionPriorModel | None = None  # where it was measured; FLAME files have none

    @cached_property
    def head_id(self) -> str:
        """First 16 hex digits of the SHA-256 of the tensors in `DEFINING`, the same on any machine; labels carry it."""
        digest = hashlib.sha256()
        for name in DEFINING:
            array = getattr(self, name).contiguous().cpu().numpy()
            digest.update(f"{name} {array.dtype.name} {array.shape}".encode())
            digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        return digest.hexdigest()[:16]

    def to(self, device: torch.device) -> FlameAssets:
        """The same with all tensors on a device."""
        return _moved(self, device)

    @property
    def n_shape(self) -> int:
        """S, the number of identity columns."""
        return self.shapedirs.shape[2]

    @property
    def n_expression(self) -> int:
        """E, the number of expression columns."""
        return self.expressiondirs.shape[2]

    @property
    def n_vertices(self) -> int:
        """V."""
        return self.v_template.shape[0]

    def region(self, name: str) -> Tensor:
        """(V,) bool mask of a region; KeyError that lists the regions this head has."""
        if name not in self.regions:
            raise KeyError(f"head {self.name!r} has no region {name!r}; it has: {', '.join(sorted(self.regions))}")
        return self.regions[name]

    @property
    def has_uv(self) -> bool:
        """Whether the files brought texture coordinates."""
        return len(self.uv_faces) > 0

    def vertex_uv(self) -> Tensor:
        """(V, 2) one UV per vertex: at a seam, that of the last face with the vertex; zero for a vertex of no face.

        ValueError if the head has no texture coordinates.
        """
        if not self.has_uv:
            raise ValueError(f"head {self.name!r} has no texture coordinates: put head_template.obj beside its file")
        corner_vertex = self.faces.reshape(-1)
        corners = torch.arange(len(corner_vertex))
        # An assignment by index would leave the winner among equal indices open.
        last = torch.full((self.n_vertices,), -1).scatter_reduce(0, corner_vertex, corners, "amax")
        uv = self.uv[self.uv_faces.reshape(-1)[last]]
        return torch.where(last[:, None] >= 0, uv, torch.zeros_like(uv))


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {key: _moved(one, device) for key, one in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _moved(getattr(value, f.name), device) for f in fields(value)})
    return value
