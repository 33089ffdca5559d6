"""A stand-in for the files that Pixel3DMM's authors released, which cannot be had here: same keys, shapes and sums.

Written in plain torch after a description of the released network, on its own: it shares no line with the reader.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn
from torch.nn import functional

BACKBONE = "vit_small_patch16_224.dino"
DIM = 384


class GroupAttBlock(nn.Module):
    """Two attention and two MLP sublayers; the stream is overwritten by its normalised self."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(width) for _ in range(4))
        self.self_attn = nn.MultiheadAttention(width, heads, batch_first=True, bias=False)
        self.self_attn2 = nn.MultiheadAttention(width, heads, batch_first=True, bias=False)
        self.mlp, self.mlp2 = self._mlp(width), self._mlp(width)

    @staticmethod
    def _mlp(width: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Dropout(0), nn.Linear(4 * width, width), nn.Dropout(0)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x)
        x = x + self.self_attn(x, x, x, need_weights=True)[0]
        x = x + self.mlp(self.norm2(x))
        x = self.norm3(x)
        x = x + self.self_attn2(x, x, x, need_weights=True)[0]
        return x + self.mlp2(self.norm4(x))


class VolTransformer(nn.Module):
    def __init__(self, inside: int, width: int, layers: int, heads: int) -> None:
        super().__init__()
        self.down_proj = nn.Linear(inside, width)
        self.layers = nn.ModuleList(GroupAttBlock(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)  # never applied


class ModLN(nn.Module):
    def __init__(self, inside: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(DIM)
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(inside, 2 * DIM))


class ImageEncoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.model = timm.create_model(BACKBONE, num_classes=0, dynamic_img_size=True)


class Network(nn.Module):
    """The released network, for one view. ``channels`` of the map, ``second`` more of a map that is not asked for."""

    def __init__(
        self, channels: int, views: int, second: int, width: int = 64, layers: int = 2, heads: int = 4
    ) -> None:
        super().__init__()
        self.channels = channels
        self.img_encoder = ImageEncoder()
        self.dir_norm, self.dir_norm_uv = ModLN(32), ModLN(DIM)
        self.uv_enc_mlp = nn.Sequential(nn.SiLU(), nn.Linear(24, DIM))
        if views > 1:
            self.view_embed = nn.Parameter(torch.zeros(1, views, 16, 1, 1))
        self.vol_decoder = VolTransformer(DIM + (16 if views > 1 else 0), width, layers, heads)
        self.t_conv1, self.t_conv2, self.t_conv3 = (nn.ConvTranspose2d(width, width, 2, stride=2) for _ in range(3))
        self.token_2_patch_content = nn.Linear(width, 4 * (channels + second))

    def forward(self, rgb: Tensor) -> Tensor:
        """(B, H, W, 3) in [0, 1] -> (B, C, H, W) as the network gives it."""
        x = rgb.permute(0, 3, 1, 2)
        x = (x - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
            1, 3, 1, 1
        )
        rows, columns = x.shape[2] // 16, x.shape[3] // 16
        tokens = self.img_encoder.model.forward_features(x)[:, 1:]  # type: ignore[operator]
        if hasattr(self, "view_embed"):
            view = self.view_embed[:, 0, :, 0, 0].expand(len(x), rows * columns, 16).reshape(len(x), -1, 16)
            tokens = torch.cat([tokens, view], 2)
        y = self.vol_decoder.down_proj(tokens)
        for layer in self.vol_decoder.layers:
            y = layer(y)
        grid = y.reshape(len(x), rows, columns, -1).permute(0, 3, 1, 2)
        for up in (self.t_conv1, self.t_conv2, self.t_conv3):
            grid = functional.gelu(up(grid))
        patches = self.token_2_patch_content(grid.permute(0, 2, 3, 1))
        total = patches.shape[3] // 4
        out = torch.zeros(len(x), total, 2 * patches.shape[1], 2 * patches.shape[2])
        for row in range(2):
            for column in range(2):
                for channel in range(total):
                    out[:, channel, row::2, column::2] = patches[..., (row * 2 + column) * total + channel]
        return out[:, : self.channels]


def make_network(channels: int, views: int = 1, second: int = 0, seed: int = 0) -> Network:
    """With random weights everywhere, also where a fresh network has ones and zeros."""
    torch.manual_seed(seed)
    network = Network(channels, views, second).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    return network


def lightning_content(network: Network, views: int = 1, heads: int | None = 4) -> dict[str, Any]:
    """What Lightning's trainer saves."""
    model = {"n_views": views, "num_layers": 2, "layers": [1, 2], "prediction_type": "${name}"}
    if heads:
        model["num_heads"] = heads
    state = {f"net.{name}": value for name, value in network.state_dict().items()}
    return {
        "epoch": 3,
        "global_step": 100,
        "pytorch-lightning_version": "2.2.0",
        "state_dict": {"vertex_weight_mask": torch.ones(1, 5023, 3), **state},
        "hyper_parameters": {"cfg": OmegaConf.create({"name": "uv_map", "model": model})},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": []}],
        "callbacks": {"ModelCheckpoint": {"best_model_path": Path("a/b"), "best_score": torch.tensor(1.0)}},
        "lr_schedulers": [],
        "loops": {},
    }
