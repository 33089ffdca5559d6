"""Several networks as one: each predicts what it knows of the same crop, as the paper's two for UV and normals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from shared.runs.errors import UserError
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.networks.weights import Prior, load_prior
from teacher.prior.records import PriorInput, PriorMaps, PriorPrediction


class JoinedPrior(PriorNetwork):
    """What two networks predict is taken from the first that does. ValueError if their crops differ in size."""

    def __init__(self, networks: Sequence[PriorNetwork]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        sizes = {network.size for network in networks}
        if len(sizes) > 1:
            raise ValueError(f"they take crops of {' and '.join(map(str, sorted(sizes)))} pixels")
        self.size = sizes.pop()
        self.frame = ([network for network in networks if "normal" in network.predicts] or [*networks])[0].frame
        self.backbone = nn.ModuleList(network.backbone for network in networks)
        self.sees_landmarks = any(network.sees_landmarks for network in networks)
        self._predicts = frozenset().union(*(network.predicts for network in networks))
        self._vertices = next((network.vertices for network in networks if network.vertices is not None), None)

    @property
    def vertices(self) -> Tensor | None:
        """Of the first network that predicts points."""
        return self._vertices

    @property
    def predicts(self) -> frozenset[str]:
        """What any of them does."""
        return self._predicts

    def forward(self, inputs: PriorInput) -> PriorPrediction:
        """Crops (B, ...) -> predictions (B, ...)."""
        predictions: list[PriorPrediction] = [network(inputs) for network in self.networks]
        points = next((one.points for one in predictions if one.points is not None), None)
        return PriorPrediction(_first_of([one.maps for one in predictions]), points)


def load_priors(names: str, device: torch.device | str = "cpu") -> Prior:
    """`load_prior` for one name, or several with commas between them. UserError if they do not go together."""
    priors = [load_prior(name.strip(), device) for name in names.split(",")]
    if len(priors) == 1:
        return priors[0]
    heads = {prior.head_id for prior in priors}
    if len(heads) > 1:
        raise UserError(f"prior={names}: they speak of different heads, {' and '.join(sorted(heads))}")
    try:
        joined = JoinedPrior([prior.network for prior in priors]).eval()
    except ValueError as error:
        raise UserError(f"prior={names}: {error}; give networks of one size") from error
    return Prior(joined, heads.pop(), {"joined": [prior.header for prior in priors]})


def _first_of(maps: Sequence[PriorMaps]) -> PriorMaps:
    """Each map from the first that has it; a log-variance comes with its map, the frame with the normals."""
    merged = maps[0]
    for other in maps[1:]:
        taken = {}
        if merged.normal is None and other.normal is not None:
            taken |= {"normal": other.normal, "normal_log_var": other.normal_log_var, "frame": other.frame}
        if merged.uv is None and other.uv is not None:
            taken |= {"uv": other.uv, "uv_log_var": other.uv_log_var}
        if merged.part_logits is None:
            taken["part_logits"] = other.part_logits
        merged = replace(merged, **taken)
    return merged
