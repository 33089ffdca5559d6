"""Trained networks on disk: one safetensors file with the weights, the network's options, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch

from shared.assets import asset_path
from shared.networks.weight_files import PRIOR_SCHEMA, fill, in_halves
from shared.records.tensor_files import TensorFileError, read_tensors, write_tensors
from shared.runs.errors import UserError
from teacher.config import CompactConfig, VitConfig
from teacher.prior.networks.build import build_network
from teacher.prior.networks.network import PriorNetwork

SHIPPED = asset_path("prior_compact.safetensors")
_CONFIGS = {"compact": CompactConfig, "vit": VitConfig}


@dataclass(frozen=True, eq=False)
class Prior:
    """A trained network, ready to predict."""

    network: PriorNetwork  # in eval mode
    head_id: str  # of the head whose UV and vertices it speaks of
    header: dict[str, Any]  # JSON: schema, family, network, frame, head_id, and what `save_prior` was given


def save_prior(
    path: Path,
    network: PriorNetwork,
    family: str,
    config: CompactConfig | VitConfig,
    head_id: str,
    made: Mapping[str, Any],
) -> Path:
    """Write weights as fp16 with all that is needed to use them.

    Args:
        path: .safetensors.
        network: whose state is kept.
        family, config: as `build_network` takes them.
        head_id: of the head it was trained on.
        made: JSON values on how it came about: data, seeds, training, validation, licence.
    """
    header = {
        "schema": PRIOR_SCHEMA,
        "family": family,
        "network": asdict(config),
        "frame": network.frame,
        "head_id": head_id,
        "input": "RGB in [0, 1], normalised inside; square crop with margin 1.7 around the landmarks of the face",
        **made,
    }
    return write_tensors(path, in_halves(network), header)


def load_prior(name_or_path: str, device: torch.device | str = "cpu") -> Prior:
    """The shipped network for "default", else that of a file. UserError, which names the file, if it cannot be used."""
    path = SHIPPED if name_or_path == "default" else Path(name_or_path)
    if not path.is_file():
        raise UserError(f"weights={path} is not there: give weights=default, or what teacher/prior_train.py wrote")
    try:
        tensors, header = read_tensors(path, PRIOR_SCHEMA)
    except TensorFileError as error:
        raise UserError(
            f"weights={error}; Pixel3DMM's released files are converted by python teacher/prior_convert.py"
        ) from error
    config = _config(header, path)
    network = build_network(header["family"], config, header["frame"], None)
    fill(network, tensors, path)
    return Prior(network.to(device).eval(), header["head_id"], header)


def start_from(network: PriorNetwork, path: Path) -> None:
    """Give a new network the weights of a file of the same architecture. UserError as `load_prior`."""
    try:
        tensors, _ = read_tensors(path, PRIOR_SCHEMA)
    except TensorFileError as error:
        raise UserError(f"initial={error}") from error
    fill(network, tensors, path)


def _config(header: dict[str, Any], path: Path) -> CompactConfig | VitConfig:
    kind = _CONFIGS.get(header.get("family", ""))
    if kind is None:
        raise UserError(f"{path} is of family {header.get('family')!r}, known are {', '.join(_CONFIGS)}")
    known = {field.name for field in fields(kind)}
    values = {name: value for name, value in header["network"].items() if name in known}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
