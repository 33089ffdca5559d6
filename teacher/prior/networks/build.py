"""The networks by family: `vit` as published, `compact` for a laptop."""

from __future__ import annotations

from shared.flame.schema import FlameAssets
from teacher.config import CompactConfig, VitConfig
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.records import Frame


def build_network(
    family: str, config: VitConfig | CompactConfig, frame: Frame, assets: FlameAssets | None
) -> PriorNetwork:
    """A network to train.

    Args:
        family: "vit" or "compact".
        config: of that family.
        frame: of the normals it predicts.
        assets: the head whose vertices it predicts; None to build one of the same shapes whose weights, the backbone's
            among them, are loaded afterwards.

    Raises:
        UserError: options that do not fit together, or a backbone whose weights cannot be had.
    """
    if family == "vit" and isinstance(config, VitConfig):
        from teacher.prior.networks.vit import VitPrior

        return VitPrior.build(config, frame, assets)
    if family == "compact" and isinstance(config, CompactConfig):
        from teacher.prior.networks.compact import CompactPrior

        return CompactPrior.build(config, frame, assets)
    raise ValueError(f"no network of family {family!r} with options {type(config).__name__}")
