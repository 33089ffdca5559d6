"""What a prior's errors at vertices have in common over all pictures.

A network that is unsure says the average of what may be: it puts a vertex beside its place and smooths what is sharply
bent, on every face in the same direction. Such errors are measured once, on rendered portraits that no training saw
(`teacher/prior_noise.py`), and taken away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from shared.flame.model import FlameModel
from shared.flame.tangents import surface_tangents
from shared.geometry.meshes import vertex_normals
from shared.records.tensor_files import TensorFileError, read_tensors, write_tensors
from shared.records.tensor_record import TensorRecord
from shared.runs.errors import UserError
from teacher.prior.networks.weights import SHIPPED

SCHEMA = "pixel3dmm-distill/vertex-noise/1"
SUFFIX = ".noise.safetensors"  # beside the network's weights


@dataclass(frozen=True)
class VertexNoise(TensorRecord):
    """Constant errors at N vertices of a head."""

    offset_m: Tensor  # (N, 3) from the vertex to where the prior sees it, frame of the unposed head
    tilt: Tensor  # (N, 2) mean product of the predicted normal and the two `surface_tangents`, as units

    @staticmethod
    def none(model: FlameModel, vertices: Tensor) -> VertexNoise:
        """Of a prior that was not measured: its normals are those of the mesh.

        These are not quite upright on the tangents, which are least squares over the neighbours.
        """
        tangents = torch.nn.functional.normalize(surface_tangents(model, vertices).rest_positions(), dim=-1)
        normals = vertex_normals(model.v_template, model.faces)[vertices]
        return VertexNoise(torch.zeros_like(normals), (tangents.unflatten(0, (2, -1)) * normals).sum(-1).T)


def noise_path(prior: str) -> Path:
    """Where the noise of a network is looked for; ``prior`` as in `FitRunConfig`."""
    weights = SHIPPED if prior in ("auto", "default") else Path(prior)
    return weights.with_suffix(SUFFIX)


def load_noise(prior: str, model: FlameModel, vertices: Tensor) -> VertexNoise:
    """The noise of a network's vertices (N,), if it was measured. UserError if it is of other vertices."""
    path = noise_path(prior)
    if not path.is_file():
        return VertexNoise.none(model, vertices)
    try:
        tensors, _ = read_tensors(path, SCHEMA)
    except TensorFileError as error:
        raise UserError(f"{error}: measure it anew with python teacher/prior_noise.py") from error
    measured, wanted = tensors["vertices"], vertices.cpu().contiguous()
    rows = torch.searchsorted(measured, wanted).clamp(max=len(measured) - 1)  # both rise
    if not torch.equal(measured[rows], wanted):
        raise UserError(f"{path} is of other vertices than prior={prior}: measure it anew with teacher/prior_noise.py")
    return VertexNoise(tensors["offset_m"][rows], tensors["tilt"][rows])


def save_noise(prior: str, vertices: Tensor, noise: VertexNoise, made: Mapping[str, object]) -> Path:
    """Write it beside the weights."""
    tensors = {"vertices": vertices.cpu(), "offset_m": noise.offset_m, "tilt": noise.tilt}
    return write_tensors(noise_path(prior), tensors, {"schema": SCHEMA, **made})
