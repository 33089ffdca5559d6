"""Every term's Jacobian against automatic differentiation, in float64 and through the manifold."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.func import jacfwd, vmap

from shared.flame.assets import load_flame
from shared.flame.code_basis import CodeBasis
from shared.flame.model import FlameModel
from shared.flame.points import FlamePoints
from shared.geometry.camera import Camera
from teacher.config import DenseConfig, FitConfig
from teacher.energy.landmarks import LANDMARK_ERRORS
from teacher.evidence.records import ContourEvidence, DenseEvidence, FaceEvidence
from teacher.fitting.fitter import HeadFitter, ParameterSharing
from teacher.residuals.codes import ExpressionPrior, ShapePrior
from teacher.residuals.contour import ContourTerm
from teacher.residuals.normals import NormalTerm
from teacher.residuals.pixels import PixelTerm
from teacher.residuals.robust import PseudoHuber
from teacher.residuals.symmetry import SymmetryPrior
from teacher.solver.levenberg import Problem
from teacher.solver.structure import Structure
from teacher.solver.terms import Values
from tests.tiny_head import tiny_head

BATCH = 3


OBSERVED = [
    ("landmarks", PixelTerm),
    ("dense_pixels", PixelTerm),
    ("dense_normals", NormalTerm),
    ("contour", ContourTerm),
]


def random_problem(config: FitConfig) -> tuple[Problem, dict[str, torch.Tensor]]:
    """The energy of random landmarks, pixels and normals, at random values."""
    generator = torch.Generator().manual_seed(1)

    def randn(*size: int) -> torch.Tensor:
        return torch.randn(*size, generator=generator).double()

    model = FlameModel(tiny_head()).double()
    vertices = model.faces.unique()[::2]
    fitter = HeadFitter(model, config, vertices)
    camera = Camera.at_origin(torch.full((BATCH,), 900.0).double(), (512, 400))
    marks, places = (
        camera.project(points.rest_positions() - torch.tensor([0.0, 0.0, 0.8]).double())
        for points in (fitter.landmarks.points, FlamePoints.from_vertices(model, vertices))
    )
    count = len(vertices)
    dense = DenseEvidence(
        pixel_px=places + 5 * randn(BATCH, count, 2),
        pixel_std_px=2 + torch.rand(BATCH, count, generator=generator).double(),
        normal=torch.nn.functional.normalize(randn(BATCH, count, 3), dim=-1),
        normal_std=0.1 + torch.rand(BATCH, count, generator=generator).double(),
        contour=ContourEvidence(
            line_px=places + 9 * randn(BATCH, count, 2),
            direction=torch.nn.functional.normalize(randn(BATCH, count, 2), dim=-1),
            found=torch.rand(BATCH, count, generator=generator) < 0.5,
        ),
    )
    evidence = FaceEvidence(marks + 8 * randn(BATCH, 478, 2), camera, dense)
    problem = fitter.problem(evidence, ParameterSharing(Structure.photos(BATCH)))
    values = {n: v + 0.2 * randn(*v.shape) for n, v in problem.values().items()}
    values["translation"] = torch.tensor([[0.01, -0.02, -0.8]]).double().expand(BATCH, 3)
    return problem, values


def solve_positive(matrix: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """By Cholesky. Batched LU of torch 2.11 on the CPU gave wrong results after a change of the number of threads."""
    return torch.cholesky_solve(right, torch.linalg.cholesky(matrix))


def differentiate(term, problem: Problem, values: Values, function) -> dict[str, torch.Tensor]:
    """jacfwd of ``function(term, values)`` by a tangent step of each variable."""

    def at(index, steps):
        moved = {
            name: problem.variables[name].manifold.retract(values[name][index][None], steps[name][None])
            for name in values
        }
        return function(term[index : index + 1], moved)[0]

    rows = []
    for index in range(BATCH):
        zero = {name: torch.zeros_like(value[index]) for name, value in values.items()}
        rows.append(jacfwd(lambda steps, i=index: at(i, steps))(zero))
    return {name: torch.stack([row[name] for row in rows]) for name in values}


@pytest.mark.parametrize("threshold", [1e9, 2.0])
@pytest.mark.parametrize(("term_name", "kind"), OBSERVED)
def test_jacobian_of_what_is_seen(term_name: str, kind: type, threshold: float) -> None:
    config = FitConfig(robust_threshold=threshold, dense=DenseConfig(robust_threshold=threshold))
    problem, values = random_problem(config)
    term = problem.terms[term_name]
    assert isinstance(term, kind)
    linearised = term.linearise(values)
    used = set(linearised.jacobian)
    if threshold > 1e3:  # the robust weight is 1: the Jacobian is that of the plain residual
        plain = differentiate(term, problem, values, lambda t, v: t.linearise(v).residual)
        for name in used:
            got = linearised.jacobian[name]
            torch.testing.assert_close(got, plain[name], atol=1e-8 * float(plain[name].abs().max()), rtol=1e-7)
        assert all(not plain[name].any() for name in set(values) - used)
    gradient = differentiate(term, problem, values, lambda t, v: t.energy(v))
    for name in used:
        got = (linearised.residual[:, None] @ linearised.jacobian[name])[:, 0]
        torch.testing.assert_close(got, gradient[name], atol=1e-8 * float(got.abs().max()), rtol=1e-7)
    assert all(linearised.jacobian[name].abs().max() > 0 for name in ("shape", "expression", "global_rot", "jaw"))


def test_translation_moves_pixels_and_no_normals() -> None:
    problem, values = random_problem(FitConfig())
    assert problem.terms["dense_pixels"].linearise(values).jacobian["translation"].abs().max() > 0
    assert not problem.terms["dense_normals"].linearise(values).jacobian["translation"].any()


def test_what_is_not_seen_does_not_count() -> None:
    problem, values = random_problem(FitConfig())
    for name, std in (("dense_pixels", "std_px"), ("dense_normals", "std"), ("contour", "std_px")):
        term = problem.terms[name]
        unseen = replace(term, **{std: torch.full_like(getattr(term, std), torch.inf)})  # type: ignore[type-var]
        assert not unseen.energy(values).any()
        linearised = unseen.linearise(values)
        assert not linearised.residual.any()
        assert not any(block.any() for block in linearised.jacobian.values())


def test_the_symmetry_term_is_how_far_a_face_is_from_its_mirror_image() -> None:
    model = FlameModel(load_flame()).double()
    basis = CodeBasis(torch.eye(model.n_shape).double(), torch.eye(model.n_expression).double())
    prior = SymmetryPrior.of(model, basis, 1e-3)
    shape = torch.randn(2, model.n_shape, generator=torch.Generator().manual_seed(0)).double()
    verts = model.v_template + torch.einsum("vks,bs->bvk", model.blendshapes[..., : model.n_shape], shape)
    mirror = model.assets.mirror
    assert mirror is not None
    rest = model.v_template - model.v_template[mirror] * torch.tensor([-1.0, 1.0, 1.0])
    apart = verts - verts[:, mirror] * torch.tensor([-1.0, 1.0, 1.0]) - rest
    expected = apart[:, model.assets.region("face")].square().sum(-1).mean(1) / 1e-6 / 2
    torch.testing.assert_close(prior.energy({"shape": shape}), expected, rtol=1e-4, atol=0)
    linear = prior.linearise({"shape": shape})
    gradient = (linear.residual[:, None] @ linear.jacobian["shape"])[:, 0]
    step = 1e-5 * torch.randn_like(shape)
    change = prior.energy({"shape": shape + step}) - prior.energy({"shape": shape - step})
    torch.testing.assert_close(change, 2 * (gradient * step).sum(1), rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("term_name", ["shape_prior", "expression_prior"])
def test_code_prior_jacobian(term_name: str) -> None:
    problem, values = random_problem(FitConfig())
    term = problem.terms[term_name]
    assert isinstance(term, (ShapePrior, ExpressionPrior))
    linearised = term.linearise(values)
    expected = differentiate(term, problem, values, lambda t, v: t.residual(v))
    for name, block in linearised.jacobian.items():
        torch.testing.assert_close(block, expected[name], atol=1e-10, rtol=0)
    torch.testing.assert_close(term.energy(values), 0.5 * (linearised.residual**2).sum(1))


def test_an_expected_shape_with_its_covariance() -> None:
    """Jacobian, and the energy where nothing scales: the Mahalanobis distance."""
    problem, values = random_problem(FitConfig())
    term = problem.terms["shape_prior"]
    assert isinstance(term, ShapePrior)
    generator = torch.Generator().manual_seed(2)
    size = values["shape"].shape[1]
    mean = 0.3 * torch.randn(BATCH, size, generator=generator).double()
    root = torch.randn(BATCH, size, size, generator=generator).double()
    covariance = root @ root.transpose(1, 2) + torch.eye(size).double()
    expected = ShapePrior.around(term.size, mean, covariance, 2.0)
    jacobian = differentiate(expected, problem, values, lambda t, v: t.residual(v))
    torch.testing.assert_close(expected.linearise(values).jacobian["shape"], jacobian["shape"], atol=1e-10, rtol=0)
    flat = ShapePrior.around(replace(term.size, gradient=0 * term.size.gradient), mean, covariance, 2.0)
    off = (values["shape"] - mean)[..., None]
    distance = 0.5 * (off * solve_positive(4 * covariance, off)).sum((1, 2))
    torch.testing.assert_close(flat.energy(values), distance)


def test_bias_gives_the_correlated_likelihood() -> None:
    """Minimising over the bias is weighing by the full covariance."""
    problem, values = random_problem(FitConfig(robust_threshold=1e9))
    term = problem.terms["landmarks"]
    assert isinstance(term, PixelTerm)
    zero_bias = {**values, LANDMARK_ERRORS: torch.zeros_like(values[LANDMARK_ERRORS])}
    linear = term.linearise(zero_bias)
    jacobian = linear.jacobian[LANDMARK_ERRORS]
    eye = torch.eye(jacobian.shape[2]).double()
    hessian = jacobian.transpose(1, 2) @ jacobian + eye
    best = solve_positive(hessian, -(jacobian.transpose(1, 2) @ linear.residual[..., None]))[..., 0]
    with_bias = {**values, LANDMARK_ERRORS: best}
    minimised = term.energy(with_bias) + 0.5 * (best**2).sum(1)

    projected = linear.residual.unflatten(1, (-1, 2)) * term.std_px[..., None]  # pixels
    assert term.picture is not None
    fields = term.picture.fields_px.flatten(1, 2)
    covariance = torch.diag_embed((term.std_px**2).repeat_interleave(2, 1)) + fields @ fields.transpose(1, 2)
    flat = projected.flatten(1)[..., None]
    mahalanobis = 0.5 * (flat * solve_positive(covariance, flat)).sum((1, 2))
    torch.testing.assert_close(minimised, mahalanobis, atol=0, rtol=1e-6)


def test_pseudo_huber_is_quadratic_then_linear_and_its_weight_is_its_slope() -> None:
    kernel = PseudoHuber(3.0)
    squared = torch.logspace(-3, 6, 60).double().requires_grad_()
    slope = torch.autograd.grad(kernel.energy(squared).sum(), squared)[0]
    torch.testing.assert_close(slope, 0.5 * kernel.weight(squared))
    assert kernel.energy(torch.tensor(1e-2)) == pytest.approx(0.5e-2, rel=1e-3)
    assert kernel.energy(torch.tensor(300.0**2)) == pytest.approx(3 * 300, rel=0.02)


def test_terms_can_be_indexed() -> None:
    problem, values = random_problem(FitConfig())
    keep = torch.tensor([2, 0])
    some = {name: value[keep] for name, value in values.items()}
    for term in problem.terms.values():
        torch.testing.assert_close(term[keep].energy(some), term.energy(values)[keep])


def test_robust_weight_bounds_an_outlier() -> None:
    problem, values = random_problem(FitConfig())
    term = problem.terms["landmarks"]
    assert isinstance(term, PixelTerm)
    far = replace(term, target_px=term.target_px + torch.tensor([1e5, 0.0]))
    linearised = far.linearise(values)
    assert linearised.residual.abs().max() < (1e5 / float(term.std_px.min()))
    assert vmap(torch.isfinite)(linearised.residual).all()
