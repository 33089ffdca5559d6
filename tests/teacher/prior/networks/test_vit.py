from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
import timm
import torch
from safetensors.torch import save_file

from shared.runs.errors import UserError
from teacher.config import PriorLossConfig, VitConfig
from teacher.prior.networks.build import build_network
from teacher.prior.networks.vit import VitPrior
from teacher.prior.networks.vit_backbone import create_vit, pretrained_vit
from teacher.prior.records import PriorInput, PriorTarget
from teacher.prior.training.losses import FaceRegion, prior_loss

ALL = FaceRegion.everywhere(0)
TINY = VitConfig(backbone="vit_tiny_patch16_224", pretrained="none", size=64, width=32, layers=1, heads=2)


def crops(count: int, size: int, device: str = "cpu") -> PriorInput:
    with torch.device(device):
        image, maps = torch.rand(count, 3, size, size), torch.zeros(count, 6, size // 2, size // 2)
        return PriorInput(image, torch.zeros(count, 478, 2), maps, torch.zeros(count, dtype=torch.bool))


def millions(module: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


@pytest.mark.parametrize(
    ("width", "layers", "expected"),
    [(256, 4, 7.3), (256, 6, 10.5), (512, 4, 28.8)],
)
def test_shapes_and_sizes_are_the_published_ones(width: int, layers: int, expected: float) -> None:
    config = VitConfig("normal", "vit_base_patch16_224.dino", "none", 512, width, layers)
    with torch.device("meta"):
        network = build_network("vit", config, "head", None)
        assert isinstance(network, VitPrior)
        assert millions(network.backbone) == pytest.approx(85.8, abs=0.05)
        never_applied = 2 * width / 1e6  # a norm that the published count holds
        assert round(millions(network.head) + never_applied, 1) == expected
        inputs = crops(2, 512, "meta")
        assert network.tokens(inputs.image).shape == (2, 768, 32, 32)
        maps = network(inputs).maps
    assert maps.frame == "head"
    assert maps.normal is not None
    assert maps.normal.shape == (2, 3, 512, 512)


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone", ["vit_base_patch14_dinov2", "vit_base_patch16_224.dino", "vit_base_patch16_dinov3"]
)
def test_vit_base_at_512_pixels(backbone: str) -> None:
    network = build_network("vit", VitConfig("uv", backbone), "crop", None).eval()
    with torch.no_grad():
        uv = network(crops(1, 512)).maps.uv
    assert uv is not None
    assert (uv.shape, uv.dtype) == ((1, 2, 512, 512), torch.float32)
    assert ((uv >= 0) & (uv <= 1)).all()
    assert uv.std() > 1e-4


@pytest.mark.parametrize("backbone", ["vit_tiny_patch16_224", "vit_small_patch14_dinov2", "vit_small_patch16_dinov3"])
def test_a_token_speaks_of_its_own_square(backbone: str) -> None:
    """Prefix tokens dropped, rows and columns in place: without the ViT's blocks a token sees its patch alone."""
    vit = create_vit(backbone)
    vit.blocks = torch.nn.ModuleList() if hasattr(vit, "rope") else torch.nn.Sequential()
    network = VitPrior(replace(TINY, backbone=backbone), "head", vit).eval()
    grey = torch.full((1, 3, 128, 128), 0.5)
    spot = grey.clone()
    spot[:, :, 34:46, 82:94] = 1.0  # square (2, 5) of 16 pixels
    with torch.no_grad():
        change = (network.tokens(spot) - network.tokens(grey)).norm(dim=1)[0]
    assert change.shape == (8, 8)
    assert divmod(int(change.argmax()), 8) == (2, 5)
    change[2, 5] = 0
    assert change.max() < 1e-4


def test_patches_are_laid_out_by_row_column_channel() -> None:
    network = VitPrior.build(TINY, "head", None)
    with torch.no_grad():
        network.head.patches.weight.zero_()
        network.head.patches.bias.copy_(torch.arange(8.0))
        raw = network.head(torch.rand(1, 192, 4, 4))
    assert raw.shape == (1, 2, 64, 64)
    square = torch.tensor([[[0.0, 2], [4, 6]], [[1, 3], [5, 7]]])
    assert torch.equal(raw[0], square.repeat(1, 32, 32))


def test_it_learns_everywhere_and_predicts_within_the_texture() -> None:
    torch.manual_seed(0)
    network = VitPrior.build(TINY, "crop", None)
    with torch.no_grad():
        network.head.patches.bias.fill_(1.5)
    for training in (True, False):
        uv = network.train(training)(crops(2, 64)).maps.uv
        assert uv is not None
        assert bool(uv.max() > 1) == training
    normal = VitPrior.build(replace(TINY, output="normal"), "crop", None)
    with torch.autocast("cpu", torch.bfloat16):
        maps = normal(crops(2, 64)).maps
    assert maps.normal is not None
    assert maps.normal.dtype == torch.float32
    torch.testing.assert_close(maps.normal.norm(dim=1), torch.ones(2, 64, 64))
    maps.normal[:, 0].sum().backward()
    without = [
        name for name, value in normal.named_parameters() if value.grad is None or not value.grad.isfinite().all()
    ]
    assert without == []


@pytest.mark.parametrize("output", ["uv", "normal"])
def test_the_loss_of_a_single_map(output: Literal["uv", "normal"]) -> None:
    everywhere, nowhere = torch.ones(2, 64, 64, dtype=torch.bool), torch.zeros(2, 0, dtype=torch.bool)
    target = PriorTarget(
        normal=torch.tensor([0.0, 0, -1])[:, None, None].expand(2, 3, 64, 64),
        normal_mask=everywhere,
        uv=torch.full((2, 2, 64, 64), 0.25),
        uv_mask=everywhere,
        hidden=torch.zeros_like(everywhere),
        part=torch.zeros(2, 64, 64, dtype=torch.uint8),
        points_px=torch.zeros(2, 0, 2),
        points_visible=nowhere,
        points_known=nowhere,
        px_per_m=torch.full((2,), 1000.0),
    )
    torch.manual_seed(0)
    network = VitPrior.build(replace(TINY, output=output), "crop", None)
    optimiser = torch.optim.Adam(network.head.parameters(), 3e-3)
    inputs = crops(2, 64)
    losses = []
    for _ in range(60):
        loss, _ = prior_loss(network(inputs), target, PriorLossConfig(), ALL)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_weights_of_a_file_are_used_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(0)
    classifier = timm.create_model("vit_tiny_patch16_224", num_classes=10)
    save_file(classifier.state_dict(), tmp_path / "tiny.safetensors")
    torch.save(classifier.state_dict(), tmp_path / "tiny.pth")
    for name in ("tiny.safetensors", "tiny.pth"):
        caplog.clear()
        with caplog.at_level(logging.INFO):
            network = pretrained_vit("vit_tiny_patch16_224", str(tmp_path / name))
        expected = classifier.state_dict()
        assert all(torch.equal(value, expected[key]) for key, value in network.state_dict().items())
        assert f"starts from the weights in {tmp_path / name}" in caplog.text
        assert "head.weight" in caplog.text  # left over, and said
    with caplog.at_level(logging.INFO):
        pretrained_vit("vit_tiny_patch16_224", "none")
    assert "starts from scratch" in caplog.text


def test_what_cannot_be_had_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = timm.create_model("vit_tiny_patch16_224").state_dict()
    del state["blocks.3.attn.qkv.weight"]
    save_file(state, tmp_path / "cut.safetensors")
    (tmp_path / "bad.pth").write_bytes(b"no weights")
    name = "vit_tiny_patch16_224"
    for pretrained, message in (
        ("cut.safetensors", r"cut\.safetensors lacks 1 tensors of .*: blocks\.3\.attn\.qkv\.weight"),
        ("bad.pth", r"bad\.pth does not hold weights"),
        ("none.pth", r"none\.pth is no file; give hub, none"),
    ):
        with pytest.raises(UserError, match=message):
            pretrained_vit(name, str(tmp_path / pretrained))
    with pytest.raises(UserError, match="timm has no such network; near: vit_base_patch14_dinov2"):
        create_vit("vit_base_patch14_dinov22")
    with pytest.raises(UserError, match=r"backbone=resnet18: TypeError.*dynamic_img_size"):
        create_vit("resnet18")
    with pytest.raises(UserError, match=r"vit\.size=60"):
        VitPrior.build(replace(TINY, size=60), "head", None)
    with pytest.raises(UserError, match=r"vit\.width=32 cannot be shared among vit\.heads=5"):
        VitPrior.build(replace(TINY, heads=5), "head", None)

    def no_network(*_: object, **__: object) -> None:
        raise OSError("no route to the hub\nmore")

    monkeypatch.setattr(timm, "create_model", no_network)
    with pytest.raises(UserError, match=r"no route to the hub; without a network give pretrained=none or the path"):
        pretrained_vit(name, "hub")
