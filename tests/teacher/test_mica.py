"""MICA's file: read by the shapes of its tensors, run by nothing inside it, used with FLAME heads alone."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.runs.errors import UserError
from teacher.evidence.records import FaceEvidence
from teacher.identity.arcface import SIZE, ArcFace, align
from teacher.identity.mica import STD, MappingNetwork, read_mica
from teacher.identity.source import find_identity
from tests.tiny_head import tiny_head

N_CODES = 7


@pytest.fixture(scope="module")
def flame() -> FlameAssets:
    """A head with as many vertices as FLAME."""
    return replace(tiny_head(n_vertices=5023, n_shape=9), name="flame2020")


@pytest.fixture(scope="module")
def networks() -> tuple[ArcFace, MappingNetwork]:
    torch.manual_seed(0)
    arcface, mapping = ArcFace((8, 8, 12, 16, 24), (2, 1, 2, 1), 32), MappingNetwork((32, 20, 20, 20, 20, N_CODES))
    assert arcface.features.running_mean is not None
    arcface.features.running_mean += 0.1
    return arcface.eval(), mapping.eval()


def checkpoint(networks: tuple[ArcFace, MappingNetwork]) -> dict[str, Any]:
    """As its authors' training wrote it: both states, FLAME's buffers, and the state of the training."""
    arcface, mapping = networks
    codes = OrderedDict((f"regressor.{name}", value) for name, value in mapping.state_dict().items())
    codes["generator.model.v_template"] = torch.zeros(5023, 3)
    return {
        "arcface": arcface.state_dict(),
        "flameModel": codes,
        "opt": {"state": {0: {"step": 3}}, "param_groups": [{"lr": 1e-5}]},
        "epoch": 4,
        "global_step": 160000,
    }


@pytest.fixture
def file(tmp_path: Path, networks: tuple[ArcFace, MappingNetwork]) -> Path:
    path = tmp_path / "mica.tar"
    torch.save(checkpoint(networks), path)
    return path


def picture(seed: int = 0) -> tuple[np.ndarray, Tensor, Camera]:
    rng = np.random.default_rng(seed)
    landmarks = torch.from_numpy(rng.uniform(60, 140, (478, 2))).float()
    return (
        rng.integers(0, 255, (200, 200, 3), dtype=np.uint8),
        landmarks,
        Camera.at_origin(torch.tensor(300.0), (200, 200)),
    )


def test_the_networks_are_rebuilt_from_the_file(
    file: Path, flame: FlameAssets, networks: tuple[ArcFace, MappingNetwork]
) -> None:
    source = find_identity(str(file), None, flame, "cpu")
    assert source is not None
    image, landmarks, camera = picture()
    evidence = FaceEvidence(landmarks[None], Camera.at_origin(torch.tensor([300.0]), (200, 200)))
    output, expression = source.predict([(image, landmarks, camera)], evidence)
    arcface, mapping = networks
    with torch.no_grad():
        wanted = mapping(arcface(align(image, landmarks)[None]))
    torch.testing.assert_close(output.mean, wanted)
    assert expression is None
    assert bool((output.std == STD).all())
    assert source.directions.shape == (9, N_CODES)


def test_the_spread_is_that_of_the_papers_weights() -> None:
    assert pytest.approx((0.01 / 0.15) ** 0.5) == STD


def test_the_open_head_is_refused(file: Path) -> None:
    with pytest.raises(UserError, match=r"shape codes of FLAME.*give flame=PATH"):
        read_mica(file, load_flame())


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: content.pop("arcface"), "no tensors under 'arcface'"),
        (lambda content: content["arcface"].pop("layer2.0.conv1.weight"), "no weights layer2.0.conv1.weight"),
        (lambda content: content["arcface"].pop("bn2.bias"), "of another network: bn2.bias"),
        (lambda content: content["flameModel"].pop("regressor.output.weight"), "no weights output.weight"),
        (lambda content: content["arcface"].update({"se.weight": torch.ones(3)}), "of another network: se.weight"),
    ],
)
def test_another_file_is_refused_by_name(
    spoil: Any, message: str, tmp_path: Path, flame: FlameAssets, networks: tuple[ArcFace, MappingNetwork]
) -> None:
    content = checkpoint(networks)
    content["arcface"], content["flameModel"] = dict(content["arcface"]), dict(content["flameModel"])
    spoil(content)
    torch.save(content, tmp_path / "other.tar")
    with pytest.raises(UserError, match=message) as error:
        read_mica(tmp_path / "other.tar", flame)
    assert "other.tar" in str(error.value)


class Evil:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("run",)


def test_nothing_in_the_file_is_run(tmp_path: Path, flame: FlameAssets, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"arcface": Evil()}, tmp_path / "evil.tar")
    (tmp_path / "plain.tar").write_bytes(pickle.dumps({"arcface": Evil()}))
    for name in ("evil.tar", "plain.tar"):
        with pytest.raises(UserError, match=name):
            read_mica(tmp_path / name, flame)
    assert "run" not in capsys.readouterr().out


def test_alignment_puts_the_five_points_in_their_places() -> None:
    """A picture that is a ramp of its own coordinates, turned and scaled: colours say where each pixel comes from."""
    angle, scale, shift = 0.4, 2.5, np.array([120.0, 60.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    places = {
        33: (34, 52),
        133: (42, 52),
        263: (78, 52),
        362: (70, 52),
        1: (56.3, 72.2),
        61: (42, 92.8),
        291: (71, 92.8),
    }
    landmarks = torch.zeros(478, 2)
    for number, place in places.items():
        landmarks[number] = torch.from_numpy(turn @ np.array(place) + shift).float()
    y, x = np.mgrid[:450, :450] + 0.5
    image = np.stack([x / 450 * 255, y / 450 * 255, 0 * x], -1).astype(np.uint8)
    aligned = align(image, landmarks)
    assert aligned.shape == (3, SIZE, SIZE)
    for place in ((38, 52), (74, 52), (56, 82)):
        colour = aligned[:2, place[1], place[0]] * 450
        np.testing.assert_allclose(colour, turn @ (np.array(place) + 0.5) + shift, atol=6)
