"""Identity networks on disk, and at work for a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.records.tensor_files import TensorFileError, read_tensors, write_tensors
from shared.runs.errors import UserError
from teacher.evidence.records import ExpressionEvidence, FaceEvidence, IdentityEvidence
from teacher.identity.network import IdentityNetwork, IdentityView, Targets, Template
from teacher.identity.protocol import Picture

SCHEMA = "pixel3dmm-distill/identity/1"


@dataclass(frozen=True, eq=False)
class TrainedIdentity:
    """An `IdentitySource`: a trained network behind the prior that it was trained behind."""

    network: IdentityNetwork
    template: Template
    prior_id: str  # `network_id` of that prior
    header: Mapping[str, Any]

    @property
    def directions(self) -> Tensor:
        """(S, D)."""
        return self.network.shape

    @property
    def expression_directions(self) -> Tensor:
        """(E, e)."""
        return self.network.expression

    @torch.inference_mode()
    def predict(
        self, pictures: Sequence[Picture], evidence: FaceEvidence
    ) -> tuple[IdentityEvidence, ExpressionEvidence | None]:
        """By the evidence alone. ValueError if that holds nothing of a prior."""
        if evidence.dense is None:
            raise ValueError("there is no dense evidence, which the network predicts the identity from")
        return self.network.predict(self.template.features(IdentityView.of(evidence, evidence.dense)))


def save_identity(path: Path, network: IdentityNetwork, vertices: Tensor, header: Mapping[str, Any]) -> Path:
    """Write a network, its large matrices in 16 bits.

    Args:
        path: .safetensors.
        network: trained.
        vertices: (N,) int64 of the head, that its features are of.
        header: JSON values: ``head_id``, ``prior`` (`network_id`), and how it was made.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    state = {name: value.half() if name.endswith("weight") else value for name, value in state.items()}
    return write_tensors(path, {**state, "vertices": vertices.contiguous()}, {**header, "schema": SCHEMA})


def load_identity(path: Path, head: FlameAssets) -> TrainedIdentity:
    """What `save_identity` wrote. UserError, naming the file, if it cannot be used with the head."""
    try:
        tensors, header = read_tensors(path, SCHEMA)
    except TensorFileError as error:
        raise UserError(f"identity={error}") from error
    if header.get("head_id") != head.head_id:
        raise UserError(
            f"identity={path} speaks of head {header.get('head_id')}, the fit's is {head.name!r} ({head.head_id}): "
            "give one that was trained on it, or identity=none"
        )
    vertices = tensors.pop("vertices")
    try:
        width, n_features = tensors["hidden.weight"].shape
        network = IdentityNetwork(n_features, width, Targets(tensors["shape"], tensors["expression"]))
        network.load_state_dict({name: value.float() for name, value in tensors.items()})
    except (KeyError, ValueError, RuntimeError) as error:
        raise UserError(f"identity={path} is damaged: {str(error).splitlines()[0]}") from error
    return TrainedIdentity(network.eval(), Template.of(head, vertices), str(header.get("prior")), header)
