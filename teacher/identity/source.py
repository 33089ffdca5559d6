"""The source of identities that an option names."""

from __future__ import annotations

from pathlib import Path

import torch

from shared.flame.schema import FlameAssets
from shared.runs.errors import UserError
from teacher.identity.mica import read_mica
from teacher.identity.protocol import IdentitySource
from teacher.identity.weights import load_identity


def find_identity(
    wanted: str, prior_id: str | None, head: FlameAssets, device: torch.device | str
) -> IdentitySource | None:
    """The source that the option ``identity`` names.

    Args:
        wanted: "none", or the path of a file: ours, or MICA's mica.tar.
        prior_id: `network_id` of the prior whose points the fit sees; None: it sees none.
        head: of the fit.
        device: of large networks.

    Returns:
        None for "none".

    Raises:
        UserError: the file is not there, is none of these, or does not suit the head or the prior.
    """
    if wanted == "none":
        return None
    path = Path(wanted)
    if not path.is_file():
        raise UserError(f"identity={wanted} is not there: give none, a file of teacher/identity_train.py or mica.tar")
    if path.suffix != ".safetensors":
        return read_mica(path, head, device)
    source = load_identity(path, head)
    if source.prior_id != prior_id:
        raise UserError(
            f"identity={wanted} was trained behind the prior {source.prior_id}, the fit sees by {prior_id}: "
            "train one behind it (teacher/identity_train.py), or give identity=none"
        )
    return source
