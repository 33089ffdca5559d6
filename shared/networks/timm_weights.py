"""timm's networks, and their weights from its hub or from a file; what cannot be had is said plainly."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import timm
from timm.models import load_checkpoint
from torch import nn

from shared.runs.errors import UserError

logger = logging.getLogger(__name__)


def timm_network(name: str, from_hub: bool, **options: Any) -> nn.Module:
    """A network by timm's name. UserError if there is none of that name and options, or the hub does not answer."""
    if not timm.is_model(name):
        near = difflib.get_close_matches(name.split(".")[0], timm.list_models(), 3)
        raise UserError(f"backbone={name}: timm has no such network; near: {', '.join(near) or 'none'}")
    try:
        return timm.create_model(name, pretrained=from_hub, **options)
    except Exception as error:  # networks refuse options, and the hub fails, with whatever their libraries raise
        reason = (str(error).splitlines() or [""])[0]
        advice = "; without a network give pretrained=none or the path of a weight file" if from_hub else ""
        raise UserError(f"backbone={name}: {type(error).__name__}: {reason}{advice}") from error


def load_weight_file(network: nn.Module, path: Path, name: str, rename: Callable[..., Any] | None = None) -> None:
    """Fill a network from a state dict; what else the file holds is logged.

    Args:
        network: of timm.
        path: .safetensors, or .pth of plain tensors.
        name: of the network, for messages.
        rename: turns names of other files into the network's, as timm's ``checkpoint_filter_fn``.

    Raises:
        UserError: the file is missing, damaged, or lacks tensors.
    """
    if not path.is_file():
        raise UserError(f"pretrained={path} is no file; give hub, none, or the path of a weight file")
    try:
        found = load_checkpoint(network, str(path), strict=False, filter_fn=rename, weights_only=True)
    except Exception as error:  # a damaged or foreign file fails in many ways
        raise UserError(
            f"pretrained={path} does not hold weights of {name} ({type(error).__name__}: {error})"
        ) from error
    if found.missing_keys:
        raise UserError(
            f"pretrained={path} lacks {len(found.missing_keys)} tensors of {name}: {', '.join(found.missing_keys[:3])}"
        )
    if found.unexpected_keys:
        logger.info("%s also holds what is not used: %s", path, ", ".join(found.unexpected_keys))
