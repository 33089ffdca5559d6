"""glTF 2.0 binary files (.glb): metres, y up, as in our world frame.

A plain head of V vertices and F faces takes about ``32 V + 12 F`` bytes: positions, normals, texture coordinates and
indices. Each morph target adds 12 V bytes where it is dense, or 16 bytes for each vertex it moves where that is less
(a sparse accessor). A vertex on a texture seam counts once for each side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pygltflib as gl
import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.schema import FlameAssets
from shared.geometry.meshes import vertex_normals
from shared.runs.files import write_bytes

SMALLEST_MOTION_M = 1e-6  # morph targets leave out vertices that move less


def write_glb(
    path: Path,
    verts_m: Tensor,
    assets: FlameAssets,
    morph_targets: Mapping[str, Tensor] | None = None,
    extras: Mapping[str, Any] | None = None,
) -> Path:
    """Write a head.

    Args:
        path: the file.
        verts_m: (V, 3) metres, world frame.
        assets: its faces, and texture coordinates where it has them.
        morph_targets: name -> (V, 3) displacement in metres at weight 1; readers show the names as shape keys.
        extras: JSON values kept with the mesh, such as parameters.

    Raises:
        ValueError: wrong shape, or numbers that are not finite.
        StorageError: the file cannot be written.
    """
    verts = verts_m.detach().cpu().float()
    if verts.shape != (assets.n_vertices, 3) or not bool(torch.isfinite(verts).all()):
        raise ValueError(f"finite vertices ({assets.n_vertices}, 3) are needed, got {tuple(verts.shape)}")
    source, uv, faces = split_at_seams(assets)
    writer = _Writer()
    attributes = gl.Attributes(
        POSITION=writer.vectors(verts.numpy()[source], bounds=True),
        NORMAL=writer.vectors(vertex_normals(verts, assets.faces).numpy()[source]),
        TEXCOORD_0=writer.vectors(uv) if assets.has_uv else None,
    )
    primitive = gl.Primitive(attributes=attributes, indices=writer.indices(faces), material=0)
    targets = morph_targets or {}
    primitive.targets = [gl.Attributes(POSITION=writer.displacements(targets[name], source)) for name in targets]
    mesh_extras = {**(extras or {}), **({"targetNames": list(targets)} if targets else {})}
    mesh = gl.Mesh(name=assets.name, primitives=[primitive], extras=mesh_extras)
    if targets:
        mesh.weights = [0.0] * len(targets)
    return write_bytes(path, writer.finish(mesh))


def expression_targets(model: FlameModel, params: FlameParams) -> dict[str, Tensor]:
    """Morph targets of a fitted head, on top of its expression: (V, 3) displacements in metres, in its own pose.

    Weight 1 adds one unit of an expression code, or shuts a lid that was open. At a fixed pose the vertices are linear
    in these, joints included, so that any mix of weights is exactly what the head model gives. Eyeballs are not turned.

    Args:
        model: the head.
        params: one row without leading dimensions.
    """
    n = model.n_expression
    with torch.no_grad():
        fitted = model(params).verts_m
        steps = torch.eye(n + 2, dtype=fitted.dtype, device=fitted.device)
        found = {}
        for k, name in enumerate([*(f"expression_{k:03d}" for k in range(n)), "eyelid_left", "eyelid_right"]):
            moved = replace(params, expression=params.expression + steps[k, :n], eyelids=params.eyelids + steps[k, n:])
            found[name] = (model(moved).verts_m - fitted).cpu()
    has_lids = bool(model.assets.eyelid_dirs.any())
    return {name: moved for name, moved in found.items() if has_lids or not name.startswith("eyelid")}


def split_at_seams(assets: FlameAssets) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """glTF has one texture coordinate a vertex, so vertices on a seam are doubled.

    Returns:
        (N,) vertex of the head, (N, 2) float32 texture coordinates, (F, 3) uint32 rows of both. The first V rows are
        the head's vertices in their order, so that whoever knows the topology finds it unchanged. A head without
        texture coordinates has no seams, and all of them are 0.
    """
    n = assets.n_vertices
    if not assets.has_uv:
        return np.arange(n), np.zeros((n, 2), np.float32), assets.faces.numpy().astype(np.uint32)
    pairs = np.stack([assets.faces.numpy().reshape(-1), assets.uv_faces.numpy().reshape(-1)], 1)
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1)
    is_first = np.r_[True, unique[1:, 0] != unique[:-1, 0]]  # pairs are sorted by vertex
    row = np.empty(len(unique), np.int64)
    row[is_first] = unique[is_first, 0]
    row[~is_first] = n + np.arange((~is_first).sum())
    source = np.r_[np.arange(n), unique[~is_first, 0]]
    uv = np.zeros((len(source), 2), np.float32)
    uv[row] = assets.uv.numpy()[unique[:, 1]]
    return source, uv, row[inverse].reshape(-1, 3).astype(np.uint32)


class _Writer:
    """Collects the binary part of a file and its accessors."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._views: list[gl.BufferView] = []
        self._accessors: list[gl.Accessor] = []

    def vectors(self, values: np.ndarray, bounds: bool = False) -> int:
        """(N, 2) or (N, 3) floats -> number of the accessor."""
        values = np.ascontiguousarray(values, np.float32)
        accessor = gl.Accessor(
            bufferView=self._view(values, gl.ARRAY_BUFFER),
            componentType=gl.FLOAT,
            count=len(values),
            type=gl.VEC3 if values.shape[1] == 3 else gl.VEC2,
        )
        if bounds:  # the format demands them for positions
            accessor.min, accessor.max = values.min(0).tolist(), values.max(0).tolist()
        return self._add(accessor)

    def indices(self, faces: np.ndarray) -> int:
        """(F, 3) -> number of the accessor."""
        flat = np.ascontiguousarray(faces.reshape(-1), np.uint32)
        view = self._view(flat, gl.ELEMENT_ARRAY_BUFFER)
        return self._add(gl.Accessor(bufferView=view, componentType=gl.UNSIGNED_INT, count=len(flat), type=gl.SCALAR))

    def displacements(self, moved: Tensor, source: np.ndarray) -> int:
        """(V, 3) metres -> number of a dense or sparse accessor, whichever is smaller."""
        values = moved.detach().cpu().float().numpy()[source]
        if not np.isfinite(values).all():
            raise ValueError("a morph target is not finite")
        rows = np.flatnonzero(np.abs(values).max(1) > SMALLEST_MOTION_M)
        if 16 * len(rows) >= 12 * len(values) or not len(rows):
            return self.vectors(values, bounds=True)
        accessor = gl.Accessor(componentType=gl.FLOAT, count=len(values), type=gl.VEC3)
        still = np.zeros((1, 3), np.float32) if len(rows) < len(values) else values[:0]
        both = np.concatenate([values[rows], still])
        accessor.min, accessor.max = both.min(0).tolist(), both.max(0).tolist()
        accessor.sparse = gl.Sparse(
            count=len(rows),
            indices=gl.AccessorSparseIndices(
                bufferView=self._view(rows.astype(np.uint32), None), componentType=gl.UNSIGNED_INT
            ),
            values=gl.AccessorSparseValues(bufferView=self._view(np.ascontiguousarray(values[rows]), None)),
        )
        return self._add(accessor)

    def finish(self, mesh: gl.Mesh) -> bytes:
        """The whole file."""
        document = gl.GLTF2(
            asset=gl.Asset(version="2.0", generator="pixel3dmm-distill"),
            scene=0,
            scenes=[gl.Scene(nodes=[0])],
            nodes=[gl.Node(mesh=0, name=mesh.name)],
            meshes=[mesh],
            materials=[
                gl.Material(
                    name="clay",
                    doubleSided=True,  # one looks into the open mouth and neck
                    pbrMetallicRoughness=gl.PbrMetallicRoughness(
                        baseColorFactor=[0.75, 0.75, 0.75, 1.0], metallicFactor=0.0, roughnessFactor=0.8
                    ),
                )
            ],
            accessors=self._accessors,
            bufferViews=self._views,
            buffers=[gl.Buffer(byteLength=len(self._data))],
        )
        document.set_binary_blob(bytes(self._data))
        return b"".join(document.save_to_bytes())

    def _view(self, values: np.ndarray, target: int | None) -> int:
        data = values.tobytes()
        self._views.append(gl.BufferView(buffer=0, byteOffset=len(self._data), byteLength=len(data), target=target))
        self._data += data + b"\0" * (-len(data) % 4)
        return len(self._views) - 1

    def _add(self, accessor: gl.Accessor) -> int:
        self._accessors.append(accessor)
        return len(self._accessors) - 1
