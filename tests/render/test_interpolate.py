"""Maps and their gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.render.interpolate import interpolate, refine, surface_points
from shared.render.maps import render_maps
from shared.render.rasterizer import rasterize
from tests.render.scenes import camera, soup, sphere


def test_refined_fragments_equal_the_rasterisers(head: FlameAssets, heads_m: Tensor) -> None:
    view = camera((90, 120), 200.0, (5.0, -3.0))
    verts = view.world_to_cam(heads_m)
    for backend in ("numba", "pytorch3d"):
        seen = rasterize(verts[:1], head.faces, view, backend=backend)
        again = refine(seen, verts[:1], head.faces, view)
        assert (again.barycentric - seen.barycentric).abs().max() < 2e-4
        assert (again.depth_m - seen.depth_m).abs().max() < 1e-5


def small_scene() -> tuple[Tensor, Tensor, Camera]:
    verts, faces = soup(2, 14, seed=3)
    return verts.double(), faces, camera((9, 11), 8.0, (1.3, -0.7)).to(torch.float64)


def test_gradcheck_of_vertices_attributes_and_intrinsics() -> None:
    verts, faces, view = small_scene()
    seen = rasterize(verts, faces, view)
    assert seen.mask.sum() > 15
    generator = torch.Generator().manual_seed(0)
    per_vertex = torch.rand(2, verts.shape[1], 2, generator=generator, dtype=torch.float64)
    per_corner = torch.rand(len(faces), 3, 2, generator=generator, dtype=torch.float64)

    def drawn(
        v: Tensor, vertex: Tensor, corner: Tensor, focal: Tensor, center: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        moved = Camera(focal, center, view.T_cam_world, view.size)
        return (
            refine(seen, v, faces, moved).depth_m,
            interpolate(seen, vertex, v, faces, moved),
            interpolate(seen, corner, v, faces, moved),
        )

    inputs = [tensor.clone().requires_grad_() for tensor in (verts, per_vertex, per_corner)]
    intrinsics = [view.focal_px.clone().requires_grad_(), view.center_px.clone().requires_grad_()]
    assert torch.autograd.gradcheck(drawn, (*inputs, *intrinsics))


def test_gradcheck_of_rendered_normals() -> None:
    verts, faces = sphere(4, 0.3, torch.float64)
    verts = verts + 0.02 * torch.randn(verts.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    verts = verts - torch.tensor([0.0, 0, 1], dtype=torch.float64)
    view = camera((7, 7), 10.0).to(torch.float64)
    seen = rasterize(view.world_to_cam(verts), faces, view)

    def drawn(v: Tensor) -> tuple[Tensor, Tensor]:
        maps = render_maps(v, faces, view, fragments=seen)
        return maps.normal, maps.position_world_m

    assert torch.autograd.gradcheck(drawn, (verts.requires_grad_(),))


def test_gradients_are_the_same_for_both_backends(head: FlameAssets, heads_m: Tensor) -> None:
    view = camera((72, 72), 150.0)
    gradients = []
    for backend in ("numba", "pytorch3d"):
        verts = heads_m[1].clone().requires_grad_()
        maps = render_maps(verts, head.faces, view, head.uv, head.uv_faces, backend=backend)
        assert maps.uv is not None
        (maps.normal.square().sum() + 3 * maps.normal[2].sum() + maps.depth_m.sum() + maps.uv.sum()).backward()
        gradients.append(verts.grad)
    # Not to the last bit: the sum over pixels may run in another order.
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-4, atol=1e-4 * float(gradients[0].abs().max()))


def test_normals_of_a_sphere() -> None:
    verts, faces = sphere(60, 0.2)
    center = torch.tensor([0.05, -0.02, -1.0])
    view = camera((80, 100), 250.0)
    maps = render_maps(verts + center, faces, view)
    center_cam = view.world_to_cam(center[None])[0]
    want = torch.nn.functional.normalize(maps.position_cam_m - center_cam[:, None, None], dim=0)
    cosine = (want * maps.normal).sum(0)[maps.mask]
    assert cosine.min() > 0.9995
    assert maps.normal[2][maps.mask].max() < 0.1  # what is seen faces the viewer, but for the rim
    assert maps.normal[2, 40, 45] < 0


def test_normals_given_in_the_world_frame_arrive_in_the_camera_frame() -> None:
    verts, faces = sphere(40, 0.2)
    view = camera((40, 40), 100.0)
    shifted = verts - torch.tensor([0.0, 0, 1])
    own = render_maps(shifted, faces, view)
    given = render_maps(shifted, faces, view, normals=torch.nn.functional.normalize(verts, dim=-1))
    assert (own.normal - given.normal).abs().max() < 0.02


def test_unprojected_depth_lands_on_the_mesh(head: FlameAssets, heads_m: Tensor) -> None:
    view = camera((60, 80), 140.0, (6.0, 2.0))
    maps = render_maps(heads_m, head.faces, view)
    for index in range(len(heads_m)):
        row, column = maps.mask[index].nonzero(as_tuple=True)
        pixels = torch.stack([column, row], -1) + 0.5
        world = view.unproject(pixels, maps.depth_m[index, row, column])
        drawn = maps.position_world_m[index, :, row, column].T
        assert (world - drawn).abs().max() < 1e-5
        # ... and the drawn position is the point of the triangle that the fragments name.
        corners = heads_m[index][head.faces[maps.fragments.face_index[index, row, column]]]
        normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        offset = ((world - corners[:, 0]) * torch.nn.functional.normalize(normals, dim=-1)).sum(-1)
        assert offset.abs().max() < 1e-5


def test_uv_at_a_landmark_is_the_landmarks_uv(head: FlameAssets, heads_m: Tensor) -> None:
    embedding = head.landmarks["ibug68"]
    points = embedding.positions(heads_m[0], head.faces)
    want = (head.uv[head.uv_faces[embedding.face_index]] * embedding.barycentric[..., None]).sum(1)
    view = camera((512, 512), 1100.0)
    maps = render_maps(heads_m[0], head.faces, view, head.uv, head.uv_faces)
    assert maps.uv is not None
    pixels = view.project(points)
    column, row = pixels.floor().long().unbind(-1)
    # Hidden ones (the far jaw) and those on a fold that the pixel's centre misses are not what is asked here.
    seen = (maps.depth_m[row, column] - view.world_to_cam(points)[:, 2]).abs() < 1e-3
    assert seen.sum() > 30
    gap = (maps.uv[:, row, column].T - want).norm(dim=-1)[seen]
    assert gap.median() < 0.002  # less than a pixel of the face in UV
    assert gap.quantile(0.9) < 0.01  # the rest lie on a lip or a lid, a fold away from their pixel's centre


def test_empty_pixels_are_zero_and_points_know_their_pixel() -> None:
    verts, faces = soup(2, 4, seed=9)
    view = camera((20, 24), 24.0)
    maps = render_maps(torch.stack([verts[0], verts[0]]) * torch.tensor([1.0, -1, -1]), faces, view)
    assert (~maps.mask).any()
    for values in (maps.normal, maps.position_cam_m, maps.position_world_m):
        assert not values.movedim(1, -1)[~maps.mask].any()
    assert not maps.depth_m[~maps.mask].any()
    points = surface_points(maps.fragments, verts, faces, view)
    assert torch.equal(points.scatter(points.face_index + 1) - 1, maps.fragments.face_index)


@pytest.mark.parametrize("channels", [1, 3])
def test_constant_attributes_stay_constant(channels: int) -> None:
    verts, faces = soup(2, 12, seed=4)
    view = camera((16, 20), 20.0)
    seen = rasterize(verts, faces, view)
    drawn = interpolate(seen, torch.full((verts.shape[1], channels), 2.5), verts, faces, view)
    assert drawn.shape == (2, channels, 16, 20)
    assert torch.allclose(drawn.movedim(1, -1)[seen.mask], torch.tensor(2.5), atol=1e-5)
