"""The published network: a ViT's tokens, transformer blocks, three up-convolutions, a linear layer: one map.

Each token becomes a square of 16 pixels of the map (three doublings, then patches of 2), so a ViT must make S / 16
tokens a side. One with patches of 16 pixels sees the crop as it is; for DINOv2, with patches of 14, it is shrunk from
512 to 448 pixels: 32 x 32 tokens and a map of 512 x 512, as published.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from shared.flame.schema import FlameAssets
from shared.runs.errors import UserError
from teacher.config import VitConfig
from teacher.prior.networks.network import PriorNetwork
from teacher.prior.networks.vit_backbone import create_vit, pretrained_vit
from teacher.prior.records import Frame, PriorInput, PriorMaps, PriorPrediction

CHANNELS = {"uv": 2, "normal": 3}
TOKEN_PX = 16  # side of the square of the map that one token becomes


class VitPrior(PriorNetwork):
    """See the module. The raw map is 2 uv - 1 with nothing to bound it, or a normal of any length."""

    sees_landmarks = False

    def __init__(self, config: VitConfig, frame: Frame, backbone: nn.Module) -> None:
        super().__init__()
        if config.size % TOKEN_PX:
            raise UserError(f"vit.size={config.size}: the network takes sizes that {TOKEN_PX} divides")
        if config.width % config.heads:
            raise UserError(f"vit.width={config.width} cannot be shared among vit.heads={config.heads}")
        self.config, self.frame, self.size = config, frame, config.size
        self.backbone = backbone
        self.patch: int = backbone.patch_embed.patch_size[0]  # type: ignore[assignment, index, union-attr]
        self.prefix: int = backbone.num_prefix_tokens  # type: ignore[assignment]  # class and register tokens
        self.head = MapHead(backbone.embed_dim, config, CHANNELS[config.output])  # type: ignore[arg-type]
        statistics: dict[str, tuple[float, ...]] = backbone.pretrained_cfg  # type: ignore[assignment]
        self.mean = nn.Buffer(torch.tensor(statistics["mean"])[:, None, None], persistent=False)
        self.std = nn.Buffer(torch.tensor(statistics["std"])[:, None, None], persistent=False)

    @staticmethod
    def build(config: VitConfig, frame: Frame, assets: FlameAssets | None) -> VitPrior:
        """A network to train, or, without a head, one of the same shapes to load weights into."""
        new = assets is not None
        backbone = pretrained_vit(config.backbone, config.pretrained) if new else create_vit(config.backbone)
        return VitPrior(config, frame, backbone)

    @property
    def predicts(self) -> frozenset[str]:
        """One map."""
        return frozenset({self.config.output})

    def forward(self, inputs: PriorInput) -> PriorPrediction:
        """Square crops (B, ...) of any size that 16 divides; only the picture is looked at."""
        raw = self.head(self.tokens(inputs.image)).float()
        if self.config.output == "normal":
            return PriorPrediction(PriorMaps(self.frame, normal=functional.normalize(raw, dim=1)))
        uv = (raw + 1) / 2
        # Beyond the texture there would be no gradient back, so only predictions are clamped.
        return PriorPrediction(PriorMaps(self.frame, uv=uv if self.training else uv.clamp(0, 1)))

    def tokens(self, image: Tensor) -> Tensor:
        """(B, 3, S, S) RGB in [0, 1] -> (B, D, S/16, S/16) what the ViT says of each square."""
        side = image.shape[-1] // TOKEN_PX
        seen = (image - self.mean) / self.std
        if self.patch != TOKEN_PX:
            seen = functional.interpolate(seen, (side * self.patch, side * self.patch), mode="bilinear", antialias=True)
        tokens = self.backbone.forward_features(seen)[:, self.prefix :]  # type: ignore[operator]
        return tokens.transpose(1, 2).unflatten(2, (side, side))


class MapHead(nn.Module):
    """Tokens (B, D, N, N) -> map (B, C, 16 N, 16 N)."""

    def __init__(self, token_width: int, config: VitConfig, channels: int) -> None:
        super().__init__()
        width = config.width
        self.project = nn.Linear(token_width, width)
        self.blocks = nn.Sequential(*(Block(width, config.heads) for _ in range(config.layers)))
        self.doublings = nn.ModuleList(nn.ConvTranspose2d(width, width, 2, 2) for _ in range(3))
        self.patches = nn.Linear(width, 4 * channels)  # row in the patch, column in it, channel

    def forward(self, tokens: Tensor) -> Tensor:
        """See the class."""
        side = tokens.shape[-1]
        x = self.blocks(self.project(tokens.flatten(2).transpose(1, 2)))
        x = x.transpose(1, 2).unflatten(2, (side, side))
        for doubling in self.doublings:
            x = functional.gelu(doubling(x))
        patches = self.patches(x.permute(0, 2, 3, 1)).unflatten(3, (2, 2, -1))  # (B, H, W, 2, 2, C)
        return patches.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


class Block(nn.Module):
    """Two attention and two MLP layers. Where published, attention's residual starts from the normalised tensor."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3, self.norm4 = (nn.LayerNorm(width) for _ in range(4))
        self.attention1, self.attention2 = Attention(width, heads), Attention(width, heads)
        self.mlp1, self.mlp2 = _mlp(width), _mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, E) -> (B, T, E)."""
        x = self.norm1(x)
        x = x + self.attention1(x)
        x = x + self.mlp1(self.norm2(x))
        x = self.norm3(x)
        x = x + self.attention2(x)
        return x + self.mlp2(self.norm4(x))


class Attention(nn.Module):
    """Self-attention without biases; the weights are packed as in `nn.MultiheadAttention`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj = nn.Linear(width, 3 * width, bias=False)
        self.out_proj = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, E) -> (B, T, E)."""
        query, key, value = self.in_proj(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(query, key, value)
        return self.out_proj(attended.transpose(1, 2).flatten(2))


def _mlp(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
