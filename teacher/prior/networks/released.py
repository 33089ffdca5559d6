"""Pixel3DMM's released networks (`uv.ckpt`, `normals.ckpt`) as networks of ours.

All in which they differ is folded into weights here, exactly, so that nothing else has to know of it:

- Normals come in axes of their own; the rows of the last layer are turned so that they come in FLAME's.
- Networks made for several views add an embedding of the view; that of the first becomes part of a bias.
- Networks with a second output beside the map lose it.

UV needs nothing: they predict 2 (u, 1 - v) - 1 of FLAME's texture coordinates, whose v points up, which puts the origin
at the top left as ours, and the raw map of `VitPrior` is the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from shared.runs.errors import UserError
from teacher.config import VitConfig
from teacher.prior.networks.lightning_files import read_lightning
from teacher.prior.networks.vit import CHANNELS, VitPrior

SOURCE = {"source": "Pixel3DMM, arXiv 2505.00615, released weights", "licence": "CC BY-NC 4.0"}
SIZE = 512  # pixels; it is not in the file
TYPICAL_HEADS = 8  # where the file does not say
# FLAME's x, y, z from the released network's channels: (x, -z, -y).
FLAME_FROM_RELEASED = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, -1.0, 0.0))

_TOKENS, _HEAD, _MAP = "net.img_encoder.model.", "net.vol_decoder.", "net.token_2_patch_content."
_BACKBONES = {(384, 16): "vit_small_patch16_224.dino", (768, 16): "vit_base_patch16_224.dino"}  # by width and patch
_OUTPUTS: dict[int, Literal["uv", "normal"]] = {2: "uv", 3: "normal", 4: "uv", 6: "normal"}  # 4, 6: with a second
_NAMES = (
    (r"^backbone\.", _TOKENS),
    (r"^head\.project\.", f"{_HEAD}down_proj."),
    (r"^head\.blocks\.", f"{_HEAD}layers."),
    (r"\.attention1\.", ".self_attn."),
    (r"\.attention2\.", ".self_attn2."),
    (r"\.in_proj\.weight$", ".in_proj_weight"),
    (r"\.mlp1\.", ".mlp."),
    (r"\.(mlp2?)\.2\.", r".\1.3."),  # a dropout lies between
    (r"^head\.doublings\.0\.", "net.t_conv1."),
    (r"^head\.doublings\.1\.", "net.t_conv2."),
    (r"^head\.doublings\.2\.", "net.t_conv3."),
    (r"^head\.patches\.", _MAP),
)
# What released files hold beside the network that makes the map.
_NO_PART = re.compile(
    r"vertex_weight_mask$|flame(_generic)?\.|net\.(dir_norm(_uv)?|uv_enc_mlp|vol_decoder\.norm|t_conv3_conf"
    r"|token_2_patch_conf|facial_components|head_\w+)(\.|$)"
)
# What would change the map and is not known here.
_CHANGES_MAP = re.compile(r"net\.(patch_pos_enc$|img_encoder\.|vol_decoder\.|t_conv\d|token_2_patch)")


@dataclass(frozen=True, eq=False)
class Released:
    """A released network, and what of its file was not used or had to be assumed."""

    network: VitPrior  # in eval mode, normals in frame "head"
    no_part: tuple[str, ...]  # keys that are known to be no part of the network
    unknown: tuple[str, ...]  # keys of which nothing is known
    assumed: tuple[str, ...]  # what the file does not say


def read_released(path: Path) -> Released:
    """Read a released checkpoint. UserError, naming the file and the keys, if it is none or lacks something."""
    state, options = read_lightning(path)
    heads = _heads(options)
    config = infer_config(state, heads or TYPICAL_HEADS, path)
    network = VitPrior.build(config, "head", None)
    names = {name: _released_name(name) for name in network.state_dict()}
    missing = [name for name in names.values() if name not in state]
    if missing:
        raise UserError(f"{path} lacks {len(missing)} keys of the network: {_some(missing)}")
    rest = sorted(set(state) - set(names.values()) - {"net.view_embed"})
    no_part = [name for name in rest if _NO_PART.match(name)]
    unknown = [name for name in rest if not _NO_PART.match(name)]
    foreign = [name for name in unknown if _CHANGES_MAP.match(name)]
    if foreign:
        raise UserError(f"{path} is of another network: it has {len(foreign)} keys more: {_some(foreign)}")
    folded = _fold(state, config, path)
    wrong = [
        f"{theirs} is {_shape(folded[theirs])}, expected {_shape(value)}"
        for (ours, theirs), value in zip(names.items(), network.state_dict().values(), strict=True)
        if folded[theirs].shape != value.shape
    ]
    wrong += [f"{name} has values that are not finite" for name in names.values() if not folded[name].isfinite().all()]
    if wrong:
        raise UserError(f"{path}: {_some(wrong)}")
    network.load_state_dict({ours: folded[theirs].float() for ours, theirs in names.items()})
    assumed = () if heads else (f"{TYPICAL_HEADS} attention heads (cfg.model.num_heads is not in the file)",)
    return Released(network.eval(), tuple(no_part), tuple(unknown), assumed)


def infer_config(state: dict[str, Tensor], heads: int, path: Path) -> VitConfig:
    """The architecture by the shapes of its tensors. UserError if it is none that is known."""
    project, content = _tensor(state, f"{_HEAD}down_proj.weight", 2, path), _tensor(state, f"{_MAP}weight", 2, path)
    patches = _tensor(state, f"{_TOKENS}patch_embed.proj.weight", 4, path)
    backbone = _BACKBONES.get((patches.shape[0], patches.shape[-1]))
    if backbone is None:
        known = ", ".join(f"{name} ({width}, {patch})" for (width, patch), name in _BACKBONES.items())
        raise UserError(f"{path}: no ViT of width {patches.shape[0]}, patch {patches.shape[-1]} is known, only {known}")
    channels, rest = divmod(len(content), 4)
    if rest or channels not in _OUTPUTS:
        raise UserError(
            f"{path}: {_MAP}weight makes {len(content)} values a patch of 2x2 pixels; expected 8 (UV) or 12 (normals), "
            "or twice as many"
        )
    width = len(project)
    if width % heads:
        raise UserError(f"{path}: cfg.model.num_heads is {heads}, and the head's width {width} is no multiple of it")
    blocks = [int(match[1]) for name in state if (match := re.match(rf"{re.escape(_HEAD)}layers\.(\d+)\.", name))]
    layers = max(blocks, default=-1) + 1
    return VitConfig(_OUTPUTS[channels], backbone, "none", SIZE, width, layers, heads)


def _heads(options: dict[str, Any]) -> int | None:
    """``cfg.model.num_heads``."""
    value: Any = options
    for name in ("cfg", "model", "num_heads"):
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, int) and value > 0 else None


def _released_name(ours: str) -> str:
    for pattern, replacement in _NAMES:
        ours = re.sub(pattern, replacement, ours)
    return ours


def _fold(state: dict[str, Tensor], config: VitConfig, path: Path) -> dict[str, Tensor]:
    """Tensors under their released names, with all peculiarities gone; see the module."""
    project, bias = state[f"{_HEAD}down_proj.weight"], state[f"{_HEAD}down_proj.bias"]
    token_width = state[f"{_TOKENS}cls_token"].shape[-1]
    view_width = project.shape[1] - token_width
    if view_width > 0:
        view = _tensor(state, "net.view_embed", 5, path)[0, 0].flatten()
        if len(view) != view_width:
            raise UserError(f"{path}: net.view_embed has {len(view)} channels, {_HEAD}down_proj takes {view_width}")
        project, bias = project[:, :token_width], bias + project[:, token_width:] @ view
    channels = CHANNELS[config.output]
    axes = torch.tensor(FLAME_FROM_RELEASED) if config.output == "normal" else torch.eye(channels)
    last = {
        f"{_MAP}{name}": torch.einsum(
            "oc,pc...->po...", axes, state[f"{_MAP}{name}"].unflatten(0, (4, -1))[:, :channels]
        )
        for name in ("weight", "bias")
    }
    folded = {f"{_HEAD}down_proj.weight": project, f"{_HEAD}down_proj.bias": bias}
    return {**state, **folded, **{name: value.flatten(0, 1) for name, value in last.items()}}


def _tensor(state: dict[str, Tensor], name: str, dims: int, path: Path) -> Tensor:
    if name not in state:
        others = f"it has {_some(sorted(state))}" if state else "it is empty"
        raise UserError(f"{path} is no released network of Pixel3DMM: there is no {name}; {others}")
    if state[name].ndim != dims:
        raise UserError(f"{path}: {name} is {_shape(state[name])}, expected {dims} dimensions")
    return state[name]


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
