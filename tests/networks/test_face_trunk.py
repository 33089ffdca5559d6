"""The landmark network's trunk in torch against the asset it comes from."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import torch

from shared.assets import asset_path
from shared.networks.backbones import create_backbone, input_statistics, pretrained_backbone
from shared.networks.face_trunk import NAME, STRIDES, FaceTrunk


def features_of_the_asset(pictures: np.ndarray) -> np.ndarray:
    """Last features of (B, H, W, 3) uint8: what the three heads read."""
    model = onnx.load(asset_path(f"{NAME}.onnx"))
    heads = [node for node in model.graph.node if node.op_type == "Conv"][-3:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(heads[0].input[0], onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {model.graph.input[0].name: pictures})[-1]


def test_features_are_those_of_the_asset() -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (2, 256, 256, 3), dtype=np.uint8)
    wanted = features_of_the_asset(pictures)
    with torch.inference_mode():
        found = FaceTrunk().load_asset()(torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255)
    assert [256 // one.shape[-1] for one in found] == list(STRIDES)
    assert np.abs(found[-1].numpy() - wanted).max() < 1e-3 * np.abs(wanted).max()


def test_it_is_an_encoder_among_others() -> None:
    encoder = pretrained_backbone(NAME, "asset", 5)
    picture = torch.rand(1, 5, 64, 64)
    with torch.inference_mode():
        found, hidden = encoder(picture), encoder(torch.cat([picture[:, :3], torch.zeros(1, 2, 64, 64)], 1))
        plain = FaceTrunk(5).load_asset()(picture[:, :3])
    assert [one.shape[1] for one in found] == encoder.feature_info.channels()
    assert [64 // one.shape[-1] for one in found] == encoder.feature_info.reduction()
    for one, other, third in zip(found, hidden, plain, strict=True):  # further channels start without effect
        torch.testing.assert_close(one, other)
        torch.testing.assert_close(one, third)
    scratch = create_backbone(NAME, 3)
    assert not torch.equal(scratch(picture[:, :3])[0], plain[0])
    mean, std = input_statistics(NAME)
    assert not mean.any()
    assert (std == 1).all()
