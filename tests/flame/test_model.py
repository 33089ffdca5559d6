"""Our forward pass against smplx.FLAME, the reference implementation, in value and gradient."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import smplx
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel, FlameOutput
from shared.flame.params import FlameParams
from shared.geometry.rotation import axis_angle_to_matrix
from tests.flame.conftest import N_EXPRESSION, N_SHAPE, write_pickle

GRADIENT_FIELDS = ("shape", "expression", "global_rot", "neck", "jaw", "eyes", "translation")


@pytest.fixture
def heads(tmp_path: Path, arrays: dict[str, Any], model_file: Path) -> tuple[FlameModel, smplx.FLAME]:
    """The same file, read by us and by smplx."""
    return FlameModel(load_flame(model_file)), _oracle(tmp_path, arrays, torch.float32)


def _oracle(folder: Path, arrays: dict[str, Any], dtype: torch.dtype) -> smplx.FLAME:
    write_pickle(folder / "oracle" / "FLAME_NEUTRAL.pkl", arrays)
    embedding = {"lmk_face_idx": np.zeros(51, np.int64), "lmk_b_coords": np.full((51, 3), 1 / 3)}
    write_pickle(folder / "oracle" / "flame_static_embedding.pkl", embedding)
    return smplx.FLAME(
        str(folder / "oracle"),
        num_betas=N_SHAPE,
        num_expression_coeffs=N_EXPRESSION,
        use_face_contour=False,
        dtype=dtype,
    )


def _random_params(batch: int, dtype: torch.dtype, seed: int = 0) -> FlameParams:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int, scale: float = 1.0) -> Tensor:
        return torch.randn(batch, *shape, generator=generator, dtype=torch.float64).to(dtype) * scale

    return FlameParams(
        shape=normal(N_SHAPE),
        expression=normal(N_EXPRESSION),
        global_rot=normal(3),
        neck=normal(3, scale=0.5),
        jaw=normal(3, scale=0.3),
        eyes=normal(2, 3, scale=0.3),
        translation=normal(3),
        eyelids=torch.zeros(batch, 2, dtype=dtype),
    )


def _run_oracle(oracle: smplx.FLAME, params: FlameParams, by_matrix: bool) -> FlameOutput:
    """``by_matrix`` avoids smplx's axis-angle conversion, which adds 1e-8 to every angle."""

    def rotation(axis_angle: Tensor) -> Tensor:
        return axis_angle_to_matrix(axis_angle)[:, None] if by_matrix else axis_angle

    out = oracle(
        betas=params.shape,
        expression=params.expression,
        global_orient=rotation(params.global_rot),
        neck_pose=rotation(params.neck),
        jaw_pose=rotation(params.jaw),
        leye_pose=rotation(params.eyes[:, 0]),
        reye_pose=rotation(params.eyes[:, 1]),
        transl=params.translation,
        pose2rot=not by_matrix,
    )
    assert out.vertices is not None
    assert out.joints is not None
    return FlameOutput(out.vertices, out.joints[:, :5])


def _gradients(run: Any, params: FlameParams) -> tuple[FlameOutput, dict[str, Tensor]]:
    leaves = params.map(lambda tensor: tensor.clone().requires_grad_())
    out = run(leaves)
    generator = torch.Generator().manual_seed(7)
    direction = torch.randn(out.verts_m.shape, generator=generator, dtype=torch.float64).to(out.verts_m)
    ((out.verts_m * direction).mean() + (out.joints_m**2).sum()).backward()
    return out.detach(), {name: getattr(leaves, name).grad for name in GRADIENT_FIELDS}


def _compare(ours: FlameModel, oracle: smplx.FLAME, params: FlameParams, tolerance: float, by_matrix: bool) -> None:
    got, got_gradients = _gradients(ours, params)
    want, want_gradients = _gradients(lambda p: _run_oracle(oracle, p, by_matrix), params)
    # Not a comparison of nothing: random parameters move these heads by decimetres.
    assert (want.verts_m - ours.v_template).abs().max() > 0.1
    assert (got.verts_m - want.verts_m).abs().max() < tolerance
    assert (got.joints_m - want.joints_m).abs().max() < tolerance
    for name in GRADIENT_FIELDS:
        scale = want_gradients[name].abs().max()
        assert scale > 0, name
        assert (got_gradients[name] - want_gradients[name]).abs().max() < tolerance * float(scale), name


@pytest.mark.parametrize("batch", [1, 32])
def test_equals_smplx_in_float32(heads: tuple[FlameModel, smplx.FLAME], batch: int) -> None:
    _compare(*heads, _random_params(batch, torch.float32), tolerance=1e-5, by_matrix=False)


def _in_double(arrays: dict[str, Any], model_file: Path) -> FlameModel:
    assets = load_flame(model_file)
    blendshapes = torch.from_numpy(arrays["shapedirs"])
    return FlameModel(
        replace(
            assets,
            v_template=torch.from_numpy(arrays["v_template"]),
            shapedirs=blendshapes[..., :N_SHAPE],
            expressiondirs=blendshapes[..., N_SHAPE:],
            eyelid_dirs=assets.eyelid_dirs.double(),
            posedirs=torch.from_numpy(arrays["posedirs"]),
            joint_regressor=torch.from_numpy(arrays["J_regressor"].toarray()),
            lbs_weights=torch.from_numpy(arrays["weights"]),
        )
    )


@pytest.mark.parametrize("batch", [1, 32])
def test_equals_smplx_in_float64(tmp_path: Path, arrays: dict[str, Any], model_file: Path, batch: int) -> None:
    oracle = _oracle(tmp_path, arrays, torch.float64)
    # smplx goes through float32 on its way to float64; both get the exact numbers here.
    exact = {
        "v_template": arrays["v_template"],
        "shapedirs": arrays["shapedirs"][..., :N_SHAPE],
        "expr_dirs": arrays["shapedirs"][..., N_SHAPE:],
        "posedirs": arrays["posedirs"].reshape(-1, 36).T,
        "J_regressor": arrays["J_regressor"].toarray(),
        "lbs_weights": arrays["weights"],
    }
    for name, array in exact.items():
        getattr(oracle, name).copy_(torch.from_numpy(np.ascontiguousarray(array)))
    params = _random_params(batch, torch.float64)
    _compare(_in_double(arrays, model_file), oracle, params, tolerance=1e-10, by_matrix=True)


def test_neutral_is_the_template_and_its_gradient_is_finite(heads: tuple[FlameModel, smplx.FLAME]) -> None:
    model = heads[0]
    leaves = model.neutral_params(2).map(lambda tensor: tensor.requires_grad_())
    verts = model(leaves).verts_m
    torch.testing.assert_close(verts[1], model.v_template, atol=1e-6, rtol=0)
    verts.square().sum().backward()
    for name in GRADIENT_FIELDS:
        assert torch.isfinite(getattr(leaves, name).grad).all(), name


def test_global_rotation_turns_about_the_root_joint(heads: tuple[FlameModel, smplx.FLAME]) -> None:
    """The formula in the docstring of FlameParams, with scipy's rotation."""
    model = heads[0]
    params = replace(_random_params(1, torch.float32), neck=torch.zeros(1, 3), jaw=torch.zeros(1, 3))
    still = model(replace(params, global_rot=torch.zeros(1, 3), translation=torch.zeros(1, 3)))
    root = still.joints_m[0, 0].numpy()
    turn = Rotation.from_rotvec(params.global_rot[0].numpy()).as_matrix()
    want = (still.verts_m[0].numpy() - root) @ turn.T + root + params.translation[0].numpy()
    np.testing.assert_allclose(model(params).verts_m[0], want, atol=1e-5)


def test_leading_dimensions_are_kept(heads: tuple[FlameModel, smplx.FLAME]) -> None:
    model = heads[0]
    flat = _random_params(6, torch.float32)
    want = model(flat)
    grid = model(flat.map(lambda tensor: tensor.unflatten(0, (2, 3))))
    assert grid.verts_m.shape == (2, 3, *model.v_template.shape)
    torch.testing.assert_close(grid.verts_m.flatten(0, 1), want.verts_m, atol=1e-6, rtol=0)
    torch.testing.assert_close(model(flat[4]).joints_m, want.joints_m[4], atol=1e-6, rtol=0)


def test_eyelids_move_their_vertices_and_leave_the_joints(model_file: Path) -> None:
    assets = load_flame(model_file)
    lids = torch.zeros_like(assets.eyelid_dirs)
    lids[3, 1, 0], lids[8, 1, 1] = -0.01, -0.02
    model = FlameModel(replace(assets, eyelid_dirs=lids))
    out = model(replace(model.neutral_params(1), eyelids=torch.tensor([[1.0, 0.5]])))
    moved = (out.verts_m[0] - model.v_template).abs().sum(-1) > 1e-5
    assert moved.nonzero().flatten().tolist() == [3, 8]
    torch.testing.assert_close(out.joints_m, model(model.neutral_params(1)).joints_m)


def test_views_of_the_directions(model_file: Path) -> None:
    assets = load_flame(model_file)
    model = FlameModel(assets)
    torch.testing.assert_close(model.blendshapes[..., :N_SHAPE], assets.shapedirs)
    torch.testing.assert_close(model.blendshapes[..., N_SHAPE:-2], assets.expressiondirs)
    torch.testing.assert_close(model.posedirs, assets.posedirs)


def test_wrong_sizes_are_named(heads: tuple[FlameModel, smplx.FLAME]) -> None:
    with pytest.raises(ValueError, match="shape has 100 coefficients but head 'flame2020' takes 300"):
        heads[0](FlameParams.neutral(100, N_EXPRESSION, (1,)))
