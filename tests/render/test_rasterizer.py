"""The numba rasteriser against pytorch3d, and both against what must be true."""

from __future__ import annotations

import dataclasses
import multiprocessing
import subprocess
import sys

import pytest
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.records.tensor_record import stack
from shared.render.cover import DITHER, HALF, Cover
from shared.render.interpolate import refine
from shared.render.rasterizer import Fragments, rasterize
from tests.render.scenes import camera, soup

SIZES = [((96, 96), (0.0, 0.0)), ((64, 112), (9.3, -7.1)), ((97, 55), (-30.0, 12.5))]


def screen_height(verts_cam: Tensor, faces: Tensor, view: Camera, seen: Fragments) -> Tensor:
    """(B, H, W) smallest height, in pixels, of the triangle each pixel sees."""
    corners = view.project_cam(verts_cam.double())[:, faces]  # (B, F, 3, 2)
    u, v = corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
    area = (u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]).abs()
    height = area / (corners - corners.roll(1, 2)).norm(dim=-1).amax(-1)
    return torch.stack([h[index.clamp_min(0)] for h, index in zip(height, seen.face_index, strict=True)])


def assert_parity(ours: Fragments, oracle: Fragments, verts_cam: Tensor, faces: Tensor, view: Camera) -> None:
    same = ours.face_index == oracle.face_index
    assert same.float().mean() >= 0.999
    both = same & ours.mask
    assert both.float().mean() > 0.05, "the scene must cover some of the image"
    gap = (ours.barycentric - oracle.barycentric).abs().amax(-1)
    # pytorch3d works in float32, which cannot resolve a triangle seen edge-on.
    sliver = screen_height(verts_cam, faces, view, ours) < 0.1
    assert gap[both & ~sliver].max() < 1e-4
    assert gap[both].max() < 1e-2
    assert (ours.depth_m - oracle.depth_m)[both].abs().max() < 5e-5


@pytest.mark.parametrize(("size", "shift"), SIZES)
def test_parity_on_heads(head: FlameAssets, heads_m: Tensor, size: tuple[int, int], shift: tuple[float, float]) -> None:
    view = camera(size, 2.0 * min(size), shift)
    picked = heads_m if size == (96, 96) else heads_m[1:2]
    verts = view.world_to_cam(picked)
    ours, oracle = (rasterize(verts, head.faces, view, backend=name) for name in ("numba", "pytorch3d"))
    assert_parity(ours, oracle, verts, head.faces, view)


@pytest.mark.parametrize(("size", "shift"), SIZES)
def test_values_are_exact_to_float32(
    head: FlameAssets, heads_m: Tensor, size: tuple[int, int], shift: tuple[float, float]
) -> None:
    view = camera(size, 2.0 * min(size), shift)
    verts = view.world_to_cam(heads_m)
    ours = rasterize(verts, head.faces, view, backend="numba")
    exact = refine(ours, verts.double(), head.faces, view.to(torch.float64))
    assert (ours.barycentric - exact.barycentric).abs().max() < 1e-6
    assert (ours.depth_m - exact.depth_m).abs().max() < 1e-6


@pytest.mark.parametrize(("size", "shift"), SIZES)
@pytest.mark.parametrize("see_through", [False, True])
def test_parity_on_triangle_soups(size: tuple[int, int], shift: tuple[float, float], see_through: bool) -> None:
    verts, faces = soup(3, 60, seed=7, beyond_near=True)
    views = stack([camera(size, focal, shift) for focal in (60.0, 90.0, 140.0)])
    cover = random_cover(len(faces)) if see_through else None
    ours, oracle = (rasterize(verts, faces, views, backend=name, cover=cover) for name in ("numba", "pytorch3d"))
    assert_parity(ours, oracle, verts, faces, views)
    if see_through:
        opaque = rasterize(verts, faces, views)
        assert (ours.face_index != opaque.face_index).float().mean() > 0.1


def test_result_does_not_depend_on_threads_or_batch(head: FlameAssets, heads_m: Tensor) -> None:
    view = camera((300, 260), 600.0)
    verts = view.world_to_cam(heads_m)
    threads = torch.get_num_threads()
    try:
        results = []
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            results.append(rasterize(verts, head.faces, view, backend="numba"))
            results.append(stack([rasterize(v, head.faces, view, backend="numba") for v in verts]))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        for field in dataclasses.fields(Fragments):
            assert torch.equal(getattr(results[0], field.name), getattr(other, field.name))


def test_the_nearer_triangle_wins_and_the_first_of_equals() -> None:
    near = torch.tensor([[-1.0, -1, 2], [1, -1, 2], [0, 1, 2]])
    verts = torch.cat([near * 2, near, near])
    faces = torch.arange(9).reshape(3, 3)
    view = camera((32, 32), 20.0)
    seen = rasterize(verts, faces, view)
    # The far one is as large on the screen; the last two coincide.
    assert set(seen.face_index.unique().tolist()) == {-1, 1}
    assert torch.equal(seen.depth_m[seen.mask], torch.full_like(seen.depth_m[seen.mask], 2.0))


def test_a_mesh_has_no_gaps_on_shared_edges() -> None:
    """Corners and edges on pixel centres are where a z-buffer leaks."""
    steps = torch.arange(9.0)
    x, y = torch.meshgrid(steps, steps, indexing="ij")
    verts = torch.stack([x + 0.5, y + 0.5, torch.ones_like(x)], -1).reshape(-1, 3)
    corner = (torch.arange(8)[:, None] * 9 + torch.arange(8)).reshape(-1)
    faces = torch.cat(
        [torch.stack([corner, corner + 1, corner + 10], 1), torch.stack([corner, corner + 10, corner + 9], 1)]
    )
    view = Camera.at_origin(torch.tensor(1.0), (9, 9), torch.zeros(2))
    seen = rasterize(verts, faces, view)
    assert seen.mask.all()
    assert (seen.barycentric.sum(-1) - 1).abs().max() < 1e-6
    assert seen.barycentric.min() >= 0


def random_cover(n_faces: int) -> Cover:
    """Every third face opaque; coarse textures, so that rounding of texture coordinates decides few pixels."""
    generator = torch.Generator().manual_seed(3)
    textures = tuple(torch.randint(0, 256, size, generator=generator, dtype=torch.uint8) for size in ((3, 5), (4, 2)))
    uv = 3 * torch.rand(n_faces, 3, 2, generator=generator) - 1
    return Cover.of(uv, torch.arange(n_faces) % 3 - 1, textures, DITHER)


@pytest.mark.parametrize("backend", ["numba", "pytorch3d"])
def test_share_of_pixels_is_the_opacity(backend: str) -> None:
    """Two layers of opacity 1/2 and 1/4 before a wall; opacities add up as light through glass does."""
    corners = torch.tensor([[-9.0, -9, 0], [9, -9, 0], [0, 12, 0]])
    sheets = [corners + torch.tensor([0.0, 0, 2 + 0.1 * layer]) for layer in range(9)]
    faces = torch.arange(27).reshape(9, 3)
    layer = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, -1])
    textures = (torch.full((1, 1), 64, dtype=torch.uint8), torch.full((1, 1), 128, dtype=torch.uint8))
    cover = Cover.of(torch.zeros(9, 3, 2), layer, textures, DITHER)
    view = camera((16, 16), 20.0)
    seen = rasterize(torch.cat(sheets), faces, view, backend=backend, cover=cover).face_index
    assert (seen == 0).float().mean() == pytest.approx(0.25)
    assert seen.min() >= 0
    half = Cover.of(torch.zeros(9, 3, 2), layer, textures, HALF)
    assert (rasterize(torch.cat(sheets), faces, view, backend=backend, cover=half).face_index == 4).all()


@pytest.mark.parametrize("backend", ["numba", "pytorch3d"])
def test_triangles_across_the_near_plane_are_dropped(backend: str) -> None:
    verts = torch.tensor([[-1.0, -1, -0.5], [1, -1, 2], [0, 1, 2], [-0.1, -0.1, 3], [0.1, -0.1, 3], [0, 0.1, 3]])
    seen = rasterize(verts, torch.tensor([[0, 1, 2], [3, 4, 5]]), camera((32, 32), 60.0), backend=backend)
    assert set(seen.face_index.unique().tolist()) == {-1, 1}
    assert seen.depth_m.isfinite().all()


@pytest.mark.parametrize("backend", ["numba", "pytorch3d"])
def test_wild_vertices_leave_finite_fragments(backend: str) -> None:
    verts = torch.tensor(
        [[torch.nan, 0, 1], [torch.inf, 0, 1], [0, 1, 1], [1e30, 0, 0.011], [-1e30, 1e30, 1], [0, 0, 1]]
    )
    seen = rasterize(verts, torch.tensor([[0, 1, 2], [3, 4, 5], [2, 2, 5]]), camera((16, 16), 10.0), backend=backend)
    assert seen.barycentric.isfinite().all()
    assert seen.depth_m.isfinite().all()


@pytest.mark.parametrize("backend", ["numba", "pytorch3d"])
def test_empty_meshes_give_empty_fragments(backend: str) -> None:
    view = camera((8, 6), 10.0)
    for verts, faces in ((torch.zeros(2, 3, 3), torch.zeros(0, 3, dtype=torch.int64)), (torch.zeros(0, 3, 3), None)):
        seen = rasterize(verts, torch.tensor([[0, 1, 2]]) if faces is None else faces, view, backend=backend)
        assert seen.face_index.shape == (len(verts), 8, 6)
        assert not seen.mask.any()
        assert not seen.barycentric.any()


def test_leading_dimensions_are_kept_and_broadcast() -> None:
    verts, faces = soup(6, 20, seed=1)
    views = stack([camera((20, 30), 30.0), camera((20, 30), 50.0)])
    seen = rasterize(verts.reshape(3, 2, -1, 3), faces, views)
    assert seen.face_index.shape == (3, 2, 20, 30)
    assert seen.barycentric.shape == (3, 2, 20, 30, 3)
    alone = rasterize(verts[3], faces, views[1])
    assert torch.equal(seen.face_index[1, 1], alone.face_index)
    assert rasterize(verts[0], faces, views[0].resized((7, 5))).depth_m.shape == (7, 5)


def test_errors_say_what_is_wrong() -> None:
    verts, faces = soup(1, 2, seed=0)
    view = camera((8, 8), 10.0)
    with pytest.raises(ValueError, match="numba, pytorch3d"):
        rasterize(verts, faces, view, backend="opengl")
    with pytest.raises(ValueError, match="mesh has 6 vertices"):
        rasterize(verts, faces + 1, view)
    with pytest.raises(ValueError, match=r"\(\.\.\., V, 3\)"):
        rasterize(verts[..., :2], faces, view)
    with pytest.raises(ValueError, match=r"\(F, 3\)"):
        rasterize(verts, faces.float(), view)


def _rasterize_in_child(queue: multiprocessing.Queue) -> None:
    torch.set_num_threads(1)  # as data loaders do: torch's own threads do not survive a fork
    verts, faces = soup(4, 30, seed=2)
    queue.put(int(rasterize(verts, faces, camera((200, 200), 150.0)).face_index.sum()))


@pytest.mark.skipif(sys.platform != "linux", reason="fork is the default on Linux alone")
def test_works_in_a_forked_process_after_use_in_the_parent() -> None:
    verts, faces = soup(4, 30, seed=2)
    want = int(rasterize(verts, faces, camera((200, 200), 150.0)).face_index.sum())
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_rasterize_in_child, args=(queue,))
    child.start()
    try:
        assert queue.get(timeout=60) == want
    finally:
        child.kill()
        child.join()


def test_importing_loads_no_backend() -> None:
    code = "import sys, shared.render.rasterizer as r; assert not {'numba', 'pytorch3d'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.gpu
def test_parity_on_cuda(head: FlameAssets, heads_m: Tensor) -> None:
    view = camera((200, 160), 400.0, (9.0, -4.0))
    verts = view.world_to_cam(heads_m)
    ours = rasterize(verts, head.faces, view, backend="numba")
    oracle = rasterize(verts.cuda(), head.faces.cuda(), view.to("cuda")).to("cpu")
    assert_parity(ours, oracle, verts, head.faces, view)
