from __future__ import annotations

import os
import subprocess
import sys
import types
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

from shared.runs.errors import UserError
from teacher.prior.networks.lightning_files import read_lightning
from teacher.prior.networks.released import read_released
from teacher.prior.networks.weights import load_prior
from teacher.prior.records import PriorInput
from tests.flame.conftest import head_arrays, write_pickle
from tests.teacher.prior.networks.released_stand_in import lightning_content, make_network

ROOT = Path(__file__).parents[4]
SIZE = 96


def crops(image: torch.Tensor) -> PriorInput:
    count, side = len(image), image.shape[-1]
    return PriorInput(
        image,
        torch.zeros(count, 478, 2),
        torch.zeros(count, 6, side // 2, side // 2),
        torch.zeros(count, dtype=torch.bool),
    )


@pytest.fixture(scope="module")
def uv_content() -> dict[str, Any]:
    return lightning_content(make_network(2))


def saved(content: dict[str, Any], folder: Path, **changed: torch.Tensor | None) -> Path:
    """``changed``: tensors of the state dict, with __ for dots; None leaves one out."""
    names = {name.replace("__", "."): value for name, value in changed.items()}
    state = {k: v for k, v in {**content["state_dict"], **names}.items() if v is not None}
    path = folder / "uv.ckpt"
    torch.save({**content, "state_dict": state}, path)
    return path


@pytest.mark.parametrize(("channels", "views", "second"), [(2, 1, 0), (2, 2, 0), (3, 1, 0), (3, 2, 3)])
def test_the_same_maps_in_our_conventions(channels: int, views: int, second: int, tmp_path: Path) -> None:
    theirs = make_network(channels, views, second)
    if channels == 2:  # else a random map is nearly constant
        with torch.no_grad():
            theirs.token_2_patch_content.weight *= 4
    path = tmp_path / "x.ckpt"
    torch.save(lightning_content(theirs, views), path)
    released = read_released(path)
    image = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        raw = theirs(image.permute(0, 2, 3, 1))
        maps = released.network(crops(image)).maps
    if channels == 2:
        expected, got = ((raw + 1) / 2).clamp(0, 1), maps.uv
        assert maps.normal is None
    else:
        x, y, z = functional.normalize(raw, dim=1).unbind(1)
        expected, got = torch.stack([x, -z, -y], 1), maps.normal
        assert (maps.uv, maps.frame) == (None, "head")
    assert got is not None
    assert got.shape == (2, channels, SIZE, SIZE)
    assert expected.std() > 0.05
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)


def test_what_was_not_used_is_reported(uv_content: dict[str, Any], tmp_path: Path) -> None:
    path = saved(uv_content, tmp_path, flame__shapedirs=torch.ones(2), net__novelty=torch.ones(1))
    released = read_released(path)
    assert {"vertex_weight_mask", "flame.shapedirs", "net.vol_decoder.norm.weight"} <= set(released.no_part)
    assert released.unknown == ("net.novelty",)
    assert released.assumed == ()
    used = len(released.network.state_dict())
    assert used + len(released.no_part) + 1 == len(uv_content["state_dict"]) + 2


@pytest.fixture
def attribute_dict(monkeypatch: pytest.MonkeyPatch) -> type[dict[str, Any]]:
    """Lightning's own subclass of dict; its package is not installed here."""
    name = "lightning.fabric.utilities.data"
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        monkeypatch.setitem(sys.modules, ".".join(parts[:count]), types.ModuleType(".".join(parts[:count])))
    kind = type("AttributeDict", (dict,), {"__module__": name})
    monkeypatch.setattr(sys.modules[name], "AttributeDict", kind, raising=False)
    return kind


@pytest.mark.parametrize(("heads", "expected"), [(4, 4), (None, 8)])
def test_heads_come_from_the_options_else_are_assumed(
    heads: int | None, expected: int, attribute_dict: type[dict[str, Any]], tmp_path: Path
) -> None:
    content = lightning_content(make_network(2), heads=heads)
    content["hyper_parameters"] = attribute_dict(content["hyper_parameters"])
    content["callbacks"]["lists"] = defaultdict(list, a=[1])
    torch.save(content, tmp_path / "x.ckpt")
    released = read_released(tmp_path / "x.ckpt")
    assert released.network.config.heads == expected
    assert bool(released.assumed) == (heads is None)


def test_options_are_read_as_plain_values(uv_content: dict[str, Any], tmp_path: Path) -> None:
    _, options = read_lightning(saved(uv_content, tmp_path))
    model = {"n_views": 1, "num_layers": 2, "layers": [1, 2], "prediction_type": "${name}", "num_heads": 4}
    assert options == {"cfg": {"name": "uv_map", "model": model}}


def test_bare_tensors_are_enough(uv_content: dict[str, Any], tmp_path: Path) -> None:
    torch.save(OrderedDict(uv_content["state_dict"]), tmp_path / "x.ckpt")
    assert read_released(tmp_path / "x.ckpt").network.config.width == 64


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"net__t_conv2__bias": None}, "lacks 1 keys of the network: net.t_conv2.bias"),
        ({"net__vol_decoder__layers__0__mlp2__3__bias": None}, r"lacks 1 .*layers\.0\.mlp2\.3\.bias"),
        (
            {"net__vol_decoder__down_proj__weight": None},
            "no released network of Pixel3DMM: there is no net.vol_decoder",
        ),
        ({"net__token_2_patch_content__weight": torch.ones(20, 64)}, "makes 20 values a patch"),
        ({"net__token_2_patch_content__weight": torch.ones(7, 64)}, "makes 7 values a patch"),
        ({"net__t_conv1__weight": torch.ones(64, 32, 2, 2)}, "net.t_conv1.weight is 64x32x2x2, expected 64x64x2x2"),
        ({"net__t_conv1__bias": torch.full((64,), torch.nan)}, "net.t_conv1.bias has values that are not finite"),
        ({"net__patch_pos_enc": torch.ones(1, 384, 32, 32)}, "another network.*net.patch_pos_enc"),
        ({"net__img_encoder__model__blocks__12__norm1__bias": torch.ones(384)}, r"another network.*blocks\.12"),
        ({"net__img_encoder__model__patch_embed__proj__weight": torch.ones(384, 3, 14, 14)}, "width 384, patch 14"),
        ({"net__vol_decoder__down_proj__weight": torch.ones(64, 400)}, "no net.view_embed"),
    ],
)
def test_what_does_not_fit_is_named(
    changed: dict[str, torch.Tensor | None], message: str, uv_content: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=rf"uv\.ckpt.*{message}"):
        read_released(saved(uv_content, tmp_path, **changed))


class Hostile:
    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("function", "name"), [(os.system, "system"), (eval, "eval"), (subprocess.call, "call"), (Path.touch, "getattr")]
)
def test_a_program_is_refused(
    function: Callable[..., Any], name: str, uv_content: dict[str, Any], tmp_path: Path
) -> None:
    witness = tmp_path / "ran"
    argument = f"open({str(witness)!r}, 'w')" if function is eval else f"touch {witness}"
    content = {**uv_content, "hyper_parameters": {"cfg": Hostile(function, argument)}}
    with pytest.raises(UserError, match=rf"uv\.ckpt is refused: it asks to run .*{name}"):
        read_released(saved(content, tmp_path))
    assert not witness.exists()


def test_functions_of_known_packages_do_not_run_either(uv_content: dict[str, Any], tmp_path: Path) -> None:
    witness = tmp_path / "ran"
    content = {**uv_content, "callbacks": {"a": Hostile(torch.save, 1, str(witness))}}
    assert read_released(saved(content, tmp_path)).network.config.heads == 4
    assert not witness.exists()


@pytest.mark.parametrize("data", [b"", b"not a checkpoint", b"PK\x03\x04 cut"])
def test_other_files_are_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "uv.ckpt").write_bytes(data)
    with pytest.raises(UserError, match=r"uv\.ckpt is no checkpoint"):
        read_released(tmp_path / "uv.ckpt")
    with pytest.raises(UserError, match=r"none\.ckpt does not exist"):
        read_released(tmp_path / "none.ckpt")


def test_a_cut_checkpoint_is_refused(uv_content: dict[str, Any], tmp_path: Path) -> None:
    path = saved(uv_content, tmp_path)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(UserError, match=r"uv\.ckpt is no checkpoint"):
        read_released(path)


@pytest.mark.slow
def test_converted_once_it_is_one_of_ours(uv_content: dict[str, Any], tmp_path: Path) -> None:
    source, out = saved(uv_content, tmp_path), tmp_path / "uv.safetensors"
    flame = write_pickle(tmp_path / "generic_model.pkl", head_arrays())
    words = ["teacher/prior_convert.py", f"input={source}", f"out={out}", f"flame={flame}"]
    environment = {**os.environ, "PIXEL3DMM_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "net.dir_norm.norm.bias" in done.stdout
    prior = load_prior(str(out))
    assert prior.header["licence"] == "CC BY-NC 4.0"
    image = torch.rand(1, 3, SIZE, SIZE)
    with torch.no_grad():
        expected = read_released(source).network(crops(image)).maps.uv
        got = prior.network(crops(image)).maps.uv
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-3)  # ours are stored with 16 bits
