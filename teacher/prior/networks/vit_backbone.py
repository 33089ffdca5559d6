"""Vision transformers of timm, without their classifier, with weights from the hub, a file, or none."""

from __future__ import annotations

import logging
from pathlib import Path

from timm.models import eva, vision_transformer
from torch import nn

from shared.networks.timm_weights import load_weight_file, timm_network
from shared.runs.errors import UserError

logger = logging.getLogger(__name__)

# DINO and DINOv2 are of the first kind, DINOv3 of the second; each with what renames the tensors of other files.
_KINDS = {
    vision_transformer.VisionTransformer: vision_transformer.checkpoint_filter_fn,
    eva.Eva: eva.checkpoint_filter_fn,
}


def create_vit(name: str) -> nn.Module:
    """A timm ViT with random weights that takes any size its patches divide. UserError if timm has no such ViT."""
    return _create(name, from_hub=False)


def pretrained_vit(name: str, pretrained: str) -> nn.Module:
    """A timm ViT to start training from; the log says where its weights come from.

    Args:
        name: of timm, such as vit_base_patch14_dinov2, vit_base_patch16_224.dino, vit_base_patch16_dinov3.
        pretrained: "hub", "none", or the path of a state dict (.safetensors, or .pth of plain tensors).

    Raises:
        UserError: no such ViT, or the weights cannot be had.
    """
    if pretrained == "none":
        logger.info("backbone %s starts from scratch", name)
        return create_vit(name)
    if pretrained == "hub":
        network = _create(name, from_hub=True)
        logger.info("backbone %s starts from the weights of timm's hub", name)
        return network
    network = create_vit(name)
    load_weight_file(network, Path(pretrained), name, _KINDS[type(network)])
    logger.info("backbone %s starts from the weights in %s", name, pretrained)
    return network


def _create(name: str, from_hub: bool) -> nn.Module:
    network = timm_network(name, from_hub, num_classes=0, dynamic_img_size=True)
    if type(network) not in _KINDS:
        raise UserError(f"backbone={name} is a {type(network).__name__}, no ViT; take vit_base_patch14_dinov2")
    return network
