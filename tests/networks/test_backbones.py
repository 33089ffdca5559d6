"""Encoders of the compact network: where their weights come from, and what is said if they cannot be had."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file

from shared.networks.backbones import create_backbone, pretrained_backbone
from shared.runs.errors import UserError

NAME = "mobilenetv4_conv_small_050"


def test_weights_of_a_file_are_used_and_further_channels_start_with_no_effect(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    torch.manual_seed(0)
    given = timm.create_model(NAME, features_only=True).eval()
    save_file(given.state_dict(), tmp_path / "w.safetensors")
    with caplog.at_level(logging.INFO):
        network = pretrained_backbone(NAME, str(tmp_path / "w.safetensors"), 9).eval()
    assert f"{NAME}: weights from {tmp_path / 'w.safetensors'}" in caplog.text
    image, more = torch.rand(1, 3, 64, 64), torch.rand(1, 6, 64, 64)
    with torch.no_grad():
        for ours, theirs in zip(network(torch.cat([image, more], 1)), given(image), strict=True):
            torch.testing.assert_close(ours, theirs)


def test_nothing_is_said_of_a_network_that_only_awaits_its_weights(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        create_backbone(NAME, 9)
        assert "scratch" not in caplog.text
        pretrained_backbone(NAME, "none", 9)
        assert "from scratch" in caplog.text


def test_what_cannot_be_had_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = timm.create_model(NAME, features_only=True).state_dict()
    first = next(iter(state))
    del state[first]
    save_file(state, tmp_path / "cut.safetensors")
    with pytest.raises(UserError, match=rf"cut\.safetensors lacks 1 tensors of {NAME}: {first}"):
        pretrained_backbone(NAME, str(tmp_path / "cut.safetensors"), 9)
    with pytest.raises(UserError, match=r"backbone=resnet10x: timm has no such network; near: .*resnet10t"):
        create_backbone("resnet10x", 9)
    monkeypatch.setattr("shared.networks.backbones._lite0_file", lambda: tmp_path / "cut.safetensors")
    with pytest.raises(UserError, match="lite0 holds weights of tf_efficientnet_lite0, not of"):
        pretrained_backbone(NAME, "lite0", 9)

    def no_network(*_: object, **__: object) -> None:
        raise RuntimeError("no route to the hub")

    monkeypatch.setattr(timm, "create_model", no_network)
    with pytest.raises(UserError, match=r"no route to the hub; without a network give pretrained=none or the path"):
        pretrained_backbone(NAME, "hub", 9)
