"""MICA (Zielonka et al., 2022) from the user's own weights: shape codes of FLAME from ArcFace's view of a face.

Its file holds both networks under "arcface" and "flameModel", beside FLAME itself, which is not read. Sizes follow from
the tensors. The weights are licensed for non-commercial research by their authors.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from shared.flame.schema import FlameAssets
from shared.runs.errors import UserError
from teacher.config import ReferenceConfig
from teacher.evidence.records import FaceEvidence, IdentityEvidence
from teacher.identity.arcface import ArcFace, align
from teacher.identity.protocol import Picture
from teacher.prior.networks.lightning_files import read_checkpoint

_FLAME_VERTICES = 5023
_SLOPE = 0.2
_STAGES = 4
# The file gives no spread. In the paper's energy a unit of expression costs lambda_ex and a unit of identity lambda_id,
# so where expressions have a spread of 1, identities have this one.
STD = (ReferenceConfig().weight_expression / ReferenceConfig().weight_identity) ** 0.5


class MappingNetwork(nn.Module):
    """Linear layers with leaky activations between them, from ArcFace's features to shape codes."""

    def __init__(self, sizes: Sequence[int]) -> None:
        super().__init__()
        self.network = nn.ModuleList(nn.Linear(size, onward) for size, onward in pairwise(sizes[:-1]))
        self.output = nn.Linear(sizes[-2], sizes[-1])

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) -> (B, S)."""
        for layer in self.network:
            features = nn.functional.leaky_relu(layer(features), _SLOPE)
        return self.output(features)


@dataclass(frozen=True, eq=False)
class Mica:
    """An `IdentitySource`: one opinion a picture, along every shape code that MICA knows."""

    arcface: ArcFace
    mapping: MappingNetwork
    directions: Tensor  # (S, D)
    device: torch.device
    expression_directions: None = None

    @torch.inference_mode()
    def predict(self, pictures: Sequence[Picture], evidence: FaceEvidence) -> tuple[IdentityEvidence, None]:
        """The identity, (B, S), on the CPU. The pictures are all it looks at."""
        faces = torch.stack([align(image, landmarks) for image, landmarks, _ in pictures])
        mean = self.mapping(self.arcface(faces.to(self.device))).cpu()
        return IdentityEvidence(mean, torch.full_like(mean, STD)), None


def read_mica(path: Path, head: FlameAssets, device: torch.device | str = "cpu") -> Mica:
    """Read mica.tar. UserError, naming the file, if it is none, lacks something, or the head is not FLAME."""
    content = read_checkpoint(path)
    parts = {name: _state(content, name, path) for name in ("arcface", "flameModel")}
    prefix = "regressor."
    codes = {name[len(prefix) :]: value for name, value in parts["flameModel"].items() if name.startswith(prefix)}
    arcface, mapping = _arcface(parts["arcface"], path), _mapping(codes, path)
    _fill(arcface, parts["arcface"], path, "arcface")
    _fill(mapping, codes, path, "flameModel.regressor")
    n_codes = mapping.output.out_features
    if mapping.network[0].in_features != arcface.fc.out_features:  # type: ignore[union-attr]
        raise UserError(f"{path}: its two networks do not fit together")
    if head.n_vertices != _FLAME_VERTICES or head.n_shape < n_codes:
        raise UserError(
            f"identity={path} has {n_codes} shape codes of FLAME, the head is {head.name!r} with {head.n_vertices} "
            f"vertices and {head.n_shape} codes: give flame=PATH of a FLAME model, or identity=none"
        )
    directions = torch.eye(head.n_shape)[:, :n_codes]
    return Mica(arcface.to(device).eval(), mapping.to(device).eval(), directions, torch.device(device))


def _state(content: Any, name: str, path: Path) -> dict[str, Tensor]:
    state = content.get(name) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        held = ", ".join(sorted(map(str, content))[:6]) if isinstance(content, dict) else type(content).__name__
        raise UserError(f"identity={path} is not MICA's mica.tar: it has no tensors under {name!r}; it holds {held}")
    return state


def _arcface(state: Mapping[str, Tensor], path: Path) -> ArcFace:
    """A network of the sizes of its tensors."""
    depths, widths = [], [_size(state, "conv1.weight", 0, path)]
    for stage in range(1, _STAGES + 1):
        blocks = {match[1] for name in state if (match := re.match(rf"layer{stage}\.(\d+)\.", name))}
        depths.append(len(blocks))
        widths.append(_size(state, f"layer{stage}.0.conv1.weight", 0, path))
    return ArcFace(widths, depths, _size(state, "fc.weight", 0, path))


def _mapping(state: Mapping[str, Tensor], path: Path) -> MappingNetwork:
    layers = len({name.split(".")[1] for name in state if name.startswith("network.")})
    sizes = [_size(state, f"network.{layer}.weight", 1, path) for layer in range(layers)]
    return MappingNetwork([*sizes, _size(state, "output.weight", 1, path), _size(state, "output.weight", 0, path)])


def _size(state: Mapping[str, Tensor], name: str, dim: int, path: Path) -> int:
    if name not in state or state[name].ndim < 2:
        raise UserError(f"identity={path} is not MICA's mica.tar: it has no weights {name}")
    return state[name].shape[dim]


def _fill(network: nn.Module, state: Mapping[str, Tensor], path: Path, part: str) -> None:
    expected = network.state_dict()
    wrong = [
        name
        for name, value in expected.items()
        if not name.endswith("num_batches_tracked") and (name not in state or state[name].shape != value.shape)
    ]
    wrong += [name for name in state if name not in expected]
    wrong += [name for name, value in state.items() if not bool(torch.isfinite(value).all())]
    if wrong:
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise UserError(f"identity={path}: {part} is of another network: {', '.join(wrong[:3])}{more}")
    network.load_state_dict({name: state.get(name, value).float() for name, value in expected.items()})
