"""Bodies: they grow out of the head without a seam, and clothes lie on them, clear of the jaw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.segmentation import Part
from shared.geometry.camera import Camera
from shared.geometry.meshes import face_normals
from shared.geometry.rotation import matrix_to_axis_angle
from shared.synthetic.body.bust import BustMaker
from shared.synthetic.body.edge import neck_loop, open_loops
from shared.synthetic.body.garment import JAW_GAP_M, Jaw
from shared.synthetic.body.look import BodyLook, draw_build, draw_pieces
from shared.synthetic.body.trunk import Posture, rotation_of, yaw_pitch_roll
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import Hits, PosedHead, Shading, Surface
from shared.synthetic.studio import pose_head

TRAITS = Traits(melanin=0.4, age=0.3, presentation=0.5, hair_rgb=(0.1, 0.1, 0.1), beard=0.0)
POSES = {  # yaw, pitch (down is positive), roll in degrees, then signs of the first shape codes
    "front": (0, 0, 0, 0),
    "profile": (90, 0, 0, 1),
    "down": (0, 40, 0, -1),
    "up": (20, -40, 0, 1),
    "tilted": (-30, 10, 35, -1),
}
KINDS = ("t-shirt", "v-neck", "scoop", "shirt", "hoodie", "turtleneck", "jumper", "jacket", "off-shoulder")


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def maker(model: FlameModel) -> BustMaker:
    return BustMaker.of(model.assets)


@pytest.fixture(scope="module")
def heads(model: FlameModel) -> dict[str, PosedHead]:
    return {name: pose(model, *angles) for name, angles in POSES.items()}


def pose(model: FlameModel, yaw: float, pitch: float, roll: float, shape_sign: float) -> PosedHead:
    params = model.neutral_params()
    shape = params.shape.clone()
    shape[:4] = 2.0 * shape_sign
    turn = matrix_to_axis_angle(rotation_of(*np.radians([yaw, pitch, roll]).tolist()))
    params = replace(
        params, shape=shape, global_rot=turn, neck=torch.tensor([0.2, 0.2, 0.1]), translation=torch.tensor([0, 0, -1.0])
    )
    return pose_head(model, model.assets, params, Camera.at_origin(torch.tensor(400.0), (256, 256)))


def skin(hits: Hits) -> Shading:
    return Shading(torch.full_like(hits.normal, 0.4))


def dressed(kind: str, seed: int = 0) -> BodyLook:
    rng = np.random.default_rng(seed)
    posture = Posture(0.5, 0.3, 0.3, 0.1, 0.0)
    return BodyLook(draw_build(rng, TRAITS), posture, kind, draw_pieces(rng, kind))


def nearest(surface: Surface, points: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each point to the nearest vertex, and its height over the plane there."""
    distance, row = torch.cdist(points, surface.verts_m).min(1)
    height = ((points - surface.verts_m[row]) * surface.vertex_normals[row]).sum(1)
    return distance, height


@pytest.mark.parametrize("name", POSES)
def test_the_body_starts_at_the_edge_of_the_head(name: str, heads: dict[str, PosedHead], maker: BustMaker) -> None:
    head = heads[name]
    body = maker.surfaces(head, dressed("bare"), skin)[0]
    loop = maker.shape.edge.loop
    assert body.part == Part.NECK
    assert torch.equal(body.verts_m[: len(loop)], head.verts_m[loop])
    assert torch.equal(body.vertex_normals[: len(loop)], head.normals[loop])
    # Each edge of the loop is one side of exactly one triangle, run against the head's direction.
    edges = {(a, b) for row in body.faces.tolist() for a, b in zip(row, row[1:] + row[:1], strict=True)}
    ring = {(i, (i + 1) % len(loop)) for i in range(len(loop))}
    assert len(ring & edges) + len({(b, a) for a, b in ring} & edges) == len(loop)
    head_edges = {(a, b) for row in head.assets.faces.tolist() for a, b in zip(row, row[1:] + row[:1], strict=True)}
    for a, b in ring & edges:
        assert (int(loop[b]), int(loop[a])) in head_edges


@pytest.mark.parametrize("name", POSES)
def test_the_skin_leaves_the_head_smoothly(name: str, heads: dict[str, PosedHead], maker: BustMaker) -> None:
    bust = maker.shape.pose(heads[name], dressed("bare").build, dressed("bare").posture)
    cosine = (bust.grid_normals[0] * bust.grid_normals[1]).sum(-1)
    assert cosine.median() > 0.88
    steps = (bust.grid_m[1:] - bust.grid_m[:-1]).norm(dim=-1)
    assert steps.min() > 0.001  # nothing collapses
    assert steps.max() < 0.06


@pytest.mark.parametrize("name", POSES)
@pytest.mark.parametrize("kind", ["bare", *KINDS])
def test_every_kind_in_every_pose_is_a_sound_mesh(
    kind: str, name: str, heads: dict[str, PosedHead], maker: BustMaker
) -> None:
    head = heads[name]
    surfaces = maker.surfaces(head, dressed(kind), skin)
    assert sum(len(surface.faces) for surface in surfaces) < 10_000
    jaw = Jaw.of(head)
    for surface in surfaces:
        assert surface.verts_m.isfinite().all()
        assert surface.vertex_normals.isfinite().all()
        assert surface.faces.max() < len(surface.verts_m)
    for cloth in surfaces[1:]:
        assert cloth.part == Part.CLOTH
        assert jaw.depth_m(cloth.verts_m).min() > JAW_GAP_M - 1e-4


def test_the_body_ends_far_below_the_chin(heads: dict[str, PosedHead], maker: BustMaker) -> None:
    for head in heads.values():
        bust = maker.shape.pose(head, dressed("bare").build, dressed("bare").posture)
        ends = (head.landmarks_m()[152] - bust.grid_m[-1]) @ bust.T_world_trunk[:3, 1]
        assert ends.min() > 0.30


@pytest.mark.parametrize("kind", KINDS)
def test_cloth_lies_outside_the_skin(kind: str, heads: dict[str, PosedHead], maker: BustMaker) -> None:
    head, look = heads["front"], dressed(kind)
    bare = maker.surfaces(head, replace(look, pieces=()), skin)[0]
    for cloth in maker.surfaces(head, look, skin)[1:]:
        centres = cloth.verts_m[cloth.faces].mean(1)
        centres = centres[centres[:, 1] < head.verts_m[maker.shape.edge.loop, 1].min() - 0.02]
        _, height = nearest(bare, centres)
        assert (height > 0).float().mean() > 0.9  # rims are turned in
        assert height.min() > -0.006


def test_the_trunk_is_more_upright_than_the_head(heads: dict[str, PosedHead], maker: BustMaker) -> None:
    look = dressed("bare")
    for head in heads.values():
        bust = maker.shape.pose(head, look.build, look.posture)
        _, pitch, roll = yaw_pitch_roll(bust.T_world_trunk[:3, :3])
        _, head_pitch, head_roll = yaw_pitch_roll(head.T_world_root[:3, :3])
        assert abs(pitch) <= abs(head_pitch) + 1e-4
        assert abs(roll) <= abs(head_roll) + 1e-4


def test_the_same_numbers_give_the_same_body(model: FlameModel, heads: dict[str, PosedHead], maker: BustMaker) -> None:
    looks = [BodyLook.draw(np.random.default_rng(5), TRAITS) for _ in range(2)]
    assert looks[0] == looks[1]
    head = heads["tilted"]
    makers = (maker, BustMaker.of(model.assets))
    once, again = (one.surfaces(head, look, skin) for one, look in zip(makers, looks, strict=True))
    for a, b in zip(once, again, strict=True):
        assert torch.equal(a.verts_m, b.verts_m)
        assert torch.equal(a.faces, b.faces)


def test_draws_are_as_varied_as_people(heads: dict[str, PosedHead], maker: BustMaker) -> None:
    rng = np.random.default_rng(0)
    looks = [BodyLook.draw(rng, TRAITS) for _ in range(300)]
    assert {look.kind for look in looks} >= {*KINDS, "bare"}
    head = heads["front"]
    widths = []
    for look in looks[:20]:
        bust = maker.shape.pose(head, look.build, look.posture)
        widths.append(float(bust.trunk_m[:, :, 0].max() - bust.trunk_m[:, :, 0].min()))
    assert min(widths) > 0.34
    assert max(widths) < 0.52


def test_cloth_shades_with_physical_values(heads: dict[str, PosedHead], maker: BustMaker) -> None:
    head = heads["tilted"]
    rng = np.random.default_rng(1)
    for kind in KINDS:
        for cloth in maker.surfaces(head, dressed(kind, int(rng.integers(99))), skin)[1:]:
            count = len(cloth.faces)
            normal = face_normals(cloth.verts_m, cloth.faces)
            third = torch.full((count, 3), 1 / 3)
            place = cloth.verts_m[cloth.faces].mean(1)
            hits = Hits(cloth, torch.arange(count), third, place, normal, normal, torch.full((count,), 5e-4))
            shading = cloth.material(hits)
            assert shading.albedo.shape == (count, 3)
            assert shading.albedo.min() >= 0
            assert shading.albedo.max() <= 0.9
            assert shading.normal is not None
            solid = normal.norm(dim=1) > 0.5
            torch.testing.assert_close(shading.normal.norm(dim=1)[solid], torch.ones(int(solid.sum())))


def test_a_head_cut_elsewhere_gets_a_body_too(model: FlameModel, heads: dict[str, PosedHead]) -> None:
    """As FLAME's neck ends elsewhere than the open head's."""
    assets = model.assets
    higher = assets.faces[(assets.v_template[assets.faces, 1] > -0.118).all(1)]
    head, maker = heads["tilted"], BustMaker.of(replace(assets, faces=higher))
    body = maker.surfaces(head, dressed("bare"), skin)[0]
    loop = maker.shape.edge.loop
    assert set(loop.tolist()) != set(neck_loop(assets).tolist())
    assert torch.equal(body.verts_m[: len(loop)], head.verts_m[loop])
    assert body.vertex_normals.isfinite().all()


def test_a_closed_head_is_refused(model: FlameModel) -> None:
    tetrahedron = torch.tensor([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    assert open_loops(tetrahedron) == []
    with pytest.raises(ValueError, match="no open edge"):
        neck_loop(replace(model.assets, faces=tetrahedron))
