"""The truth of whole portraits against their meshes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from shared.flame.segmentation import Part
from shared.geometry.closest import closest_points
from shared.geometry.meshes import unit, vertex_normals
from shared.synthetic.scene.portrait import Portrait
from shared.synthetic.studio import Order, PortraitStudio

ON_HEAD = (Part.SKIN, Part.EYES, Part.MOUTH, Part.BROWS)


def head_pixels(portrait: Portrait, *, step: int = 7) -> tuple[Tensor, Tensor]:
    """Rows and columns (N) of some of the pixels that show the head alone."""
    row, column = (portrait.truth.depth_m > 0).nonzero(as_tuple=True)
    return row[::step], column[::step]


def on_the_mesh(studio: PortraitStudio, portrait: Portrait) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """World positions (N, 3) of some pixels by depth, and the mesh's nearest point, face and weights there."""
    truth, (row, column) = portrait.truth, head_pixels(portrait)
    pixel = torch.stack([column, row], 1) + 0.5
    world = truth.camera.unproject(pixel, truth.depth_m[row, column]).double()
    verts = studio.model(truth.params).verts_m.double()
    hit = closest_points(world.numpy(), verts.numpy(), studio.model.faces.numpy())
    face = torch.from_numpy(hit.face_index)
    return world, torch.from_numpy(hit.points), face, _weights(torch.from_numpy(hit.points), verts, face, studio)


def _weights(points: Tensor, verts: Tensor, face: Tensor, studio: PortraitStudio) -> Tensor:
    a, b, c = verts[studio.model.faces[face]].unbind(1)
    normal = torch.linalg.cross(b - a, c - a)
    area = (normal * normal).sum(1)
    second = (torch.linalg.cross(points - a, c - a) * normal).sum(1) / area
    third = (torch.linalg.cross(b - a, points - a) * normal).sum(1) / area
    return torch.stack([1 - second - third, second, third], 1)


def test_unprojected_depth_lies_on_the_mesh(studio: PortraitStudio, portraits: list[Portrait]) -> None:
    for portrait in portraits:
        world, nearest, _, _ = on_the_mesh(studio, portrait)
        assert len(world) > 300
        assert (world - nearest).norm(dim=1).max() < 1e-5


def test_normals_are_those_of_the_mesh(studio: PortraitStudio, portraits: list[Portrait]) -> None:
    for portrait in portraits:
        truth, (row, column) = portrait.truth, head_pixels(portrait)
        _, _, face, weights = on_the_mesh(studio, portrait)
        verts = studio.model(truth.params).verts_m
        normals = vertex_normals(verts, studio.model.faces)[studio.model.faces[face]].double()
        normal_cam = unit((normals * weights[..., None]).sum(1)) * torch.tensor([1.0, -1.0, -1.0])
        cosine = (normal_cam * truth.normal[:, row, column].T).sum(1)
        # On an edge of the mesh, the nearest point may be taken to its other side.
        inner = weights.amin(1) > 1e-3
        assert inner.float().mean() > 0.9
        assert torch.rad2deg(cosine[inner].clamp(-1, 1).acos()).max() < 0.5


def test_uv_at_a_seen_landmark_is_the_landmarks_own(studio: PortraitStudio, portraits: list[Portrait]) -> None:
    assets, checked = studio.assets, 0
    marks = assets.landmarks["mediapipe"]
    own = (assets.uv[assets.uv_faces[marks.face_index]] * marks.barycentric[..., None]).sum(1)
    for portrait in portraits:
        truth = portrait.truth
        place = truth.landmarks_px - 0.5
        corner = place.floor().long()
        inside = truth.landmarks_visible & (corner >= 0).all(1) & (corner < 255).all(1)
        rows, columns = (corner[inside, axis, None] for axis in (1, 0))
        rows, columns = rows + torch.tensor([0, 0, 1, 1]), columns + torch.tensor([0, 1, 0, 1])
        uv, depth = truth.uv[:, rows, columns], truth.depth_m[rows, columns]  # (2, N, 4), (N, 4)
        x, y = (place - corner)[inside].unbind(1)
        weights = torch.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], 1)
        # One smooth piece of surface: no outline, no jump from lid to eye, and the landmark on it, not a lip away.
        spread = uv.amax(2) - uv.amin(2)
        smooth = (depth > 0).all(1) & (spread.amax(0) < 0.006) & (depth.amax(1) - depth.amin(1) < 0.004)
        own_depth = -marks.positions(studio.model(truth.params).verts_m, studio.model.faces)[inside, 2]
        smooth &= ((depth * weights).sum(1) - own_depth).abs() < 2e-4
        error = ((uv * weights).sum(2).T - own[inside]).norm(dim=1)[smooth]
        checked += len(error)
        assert error.max() < 0.002
    assert checked > 1000


def test_parts_agree_with_the_maps(studio: PortraitStudio, portraits: list[Portrait]) -> None:
    seen = set()
    for portrait in portraits:
        truth = portrait.truth
        inside, part = truth.depth_m > 0, truth.part
        on_head = torch.isin(part, torch.tensor([int(one) for one in ON_HEAD], dtype=torch.uint8))
        assert inside[on_head].all()
        assert not truth.normal[:, ~inside].any()
        assert not truth.uv[:, ~inside].any()
        assert torch.allclose(truth.normal[:, inside].norm(dim=0), torch.ones(int(inside.sum())), atol=1e-5)
        seen |= set(part.unique().tolist())
        # Where the eyeball is the head's nearest surface and is seen, the part says so.
        _, _, face, _ = on_the_mesh(studio, portrait)
        row, column = head_pixels(portrait)
        eyes = studio.assets.region("eyes")[studio.model.faces[face]].all(1)
        labels = part[row, column][eyes]
        assert not torch.isin(labels, torch.tensor([int(Part.SKIN), int(Part.BROWS)], dtype=torch.uint8)).any()
    assert {int(one) for one in Part} <= seen


def test_what_is_seen_is_seen(studio: PortraitStudio, portraits: list[Portrait]) -> None:
    """A vertex is seen where the picture shows the head at its depth, and hidden behind hair or hands."""
    for portrait in portraits:
        truth = portrait.truth
        verts = studio.model(truth.params).verts_m
        pixel, depth = truth.camera.project(verts).floor().long(), -verts[:, 2]
        inside = ((pixel >= 0) & (pixel < 256)).all(1)
        column, row = torch.where(inside[:, None], pixel, 0).unbind(1)
        part, there = truth.part[row, column], truth.depth_m[row, column]
        visible = truth.vertex_visible
        assert not visible[~inside].any()
        # At outlines, the four sub-pixels about a vertex and the centre of its pixel may see different things.
        behind = inside & (there > 0) & (depth > there + 0.02)
        assert visible[behind].sum() < 0.03 * visible.sum()
        covered = inside & ((part == int(Part.OCCLUDER)) | (part == int(Part.CLOTH)))
        assert visible[covered].sum() < 0.03 * visible.sum()
        assert visible.float().mean() > 0.03
        shown = inside & torch.isin(part, torch.tensor([int(one) for one in ON_HEAD])) & (depth < there + 5e-4)
        assert visible[shown].float().mean() > 0.9


def test_identity_is_that_of_the_codes(studio: PortraitStudio, portraits: list[Portrait]) -> None:
    neutral = studio.model.neutral_params()
    for portrait in portraits:
        params = portrait.truth.params
        own = studio.model(type(neutral)(**{**neutral.__dict__, "shape": params.shape})).verts_m
        assert torch.allclose(portrait.truth.neutral_m, own, atol=1e-6)


def test_pictures_of_a_person_share_the_person(studio: PortraitStudio) -> None:
    first, second, other = (studio.portrait(Order.draw(9, index, per_person=2)) for index in (0, 1, 2))
    assert torch.equal(first.truth.params.shape, second.truth.params.shape)
    assert first.facts.skin_tone_deg == second.facts.skin_tone_deg
    assert not torch.equal(first.truth.params.shape, other.truth.params.shape)
    assert not torch.equal(first.truth.params.expression, second.truth.params.expression)
    assert np.abs(first.image.astype(int) - second.image).mean() > 5
