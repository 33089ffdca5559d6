"""What a FLAME-like head is made of, whichever file it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

JOINTS = ("root", "neck", "jaw", "left_eye", "right_eye")
PARENTS = (-1, 0, 1, 1, 1)


def compute_head_id(*defining: Tensor) -> str:
    """First 16 hex digits of the SHA-256 of tensors' shapes and bytes, on any machine."""
    digest = hashlib.sha256()
    for tensor in defining:
        array = tensor.detach().cpu().contiguous().numpy()
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class LandmarkEmbedding:
    """Landmarks as points on the surface: a triangle and barycentric weights each."""

    face_index: Tensor  # (L,) int64, row of ``FlameAssets.faces``
    barycentric: Tensor  # (L, 3) weights of the triangle's corners, sum 1
    index: Tensor | None = None  # (L,) int64 number of each point in its full set, where only a part is there


@dataclass(frozen=True)
class ArkitMap:
    """Linear map from the 52 ARKit units (activations in [0, 1]) to the head's own parameters."""

    names: tuple[str, ...]  # 52 unit names, columns of the matrices
    expression: Tensor  # (E, 52)
    jaw: Tensor  # (3, 52) axis-angle, radians at activation 1
    eyes: Tensor  # (2, 3, 52) axis-angle, radians at activation 1, left eye first


@dataclass(frozen=True)
class FlameAssets:
    """A head model in FLAME's schema. Metres; x = subject's left, y up, z out of the face. Float32 on the CPU."""

    name: str  # "open-head", "flame2020", ...
    head_id: str  # first 16 hex digits of the SHA-256 of the defining tensors; labels carry it
    v_template: Tensor  # (V, 3)
    shapedirs: Tensor  # (V, 3, S)
    expressiondirs: Tensor  # (V, 3, E)
    eyelid_dirs: Tensor  # (V, 3, 2) zero where the file has none
    posedirs: Tensor  # (V, 3, 36) times (R - I) of neck, jaw, eyes, row-major, as in SMPL
    joint_regressor: Tensor  # (5, V)
    lbs_weights: Tensor  # (V, 5) rows sum to 1
    faces: Tensor  # (F, 3) int64, counter-clockwise seen from outside
    uv: Tensor  # (T, 2) in [0, 1], origin at the top left of the texture
    uv_faces: Tensor  # (F, 3) int64, rows of ``uv``
    regions: Mapping[str, Tensor] = field(default_factory=dict)  # name -> (V,) bool
    # "mediapipe" (478), "ibug68"; FLAME files may bring "mediapipe105" (with ``index``) or "ibug51" instead.
    landmarks: Mapping[str, LandmarkEmbedding] = field(default_factory=dict)
    mirror: Tensor | None = None  # (V,) int64, the vertex across the symmetry plane; an involution
    arkit: ArkitMap | None = None

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

    def vertex_uv(self) -> Tensor:
        """(V, 2) one UV per vertex; at a seam, the one of the last face that uses the vertex."""
        uv = torch.zeros(self.n_vertices, 2, dtype=self.uv.dtype)
        uv[self.faces.reshape(-1)] = self.uv[self.uv_faces.reshape(-1)]
        return uv
