"""Painted faces: what the truth says of them must be what one sees."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.segmentation import Part
from shared.geometry.camera import Camera
from shared.synthetic.face.look import FaceLook, Grooming, draw_grooming
from shared.synthetic.face.painter import FacePainter
from shared.synthetic.face.textures import IrisTexture, SkinTexture
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import Hits, PosedHead, Surface
from shared.synthetic.studio import pose_head

TRAITS = Traits(melanin=0.2, age=0.4, presentation=0.6, hair_rgb=(0.05, 0.03, 0.02), beard=0.2)


@pytest.fixture(scope="module")
def painter() -> FacePainter:
    return FacePainter.of(load_flame())


def make_head(painter: FacePainter, **pose: torch.Tensor) -> PosedHead:
    model = FlameModel(painter.assets)
    params = dataclasses.replace(model.neutral_params(), translation=torch.tensor([0.0, 0.0, -0.6]), **pose)
    return pose_head(model, painter.assets, params, Camera.at_origin(torch.tensor(500.0), (256, 256)))


def draw(seed: int, traits: Traits = TRAITS) -> tuple[FaceLook, Grooming]:
    rng = np.random.default_rng(seed)
    return FaceLook.draw(rng, traits, 0, 0), draw_grooming(rng, traits)


def hits_everywhere(surface: Surface) -> Hits:
    """Three places on every triangle."""
    weights = torch.tensor([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]])
    face_index = torch.arange(len(surface.faces)).repeat_interleave(3)
    barycentric = weights.repeat(len(surface.faces), 1)
    corners = surface.faces[face_index]
    position = (surface.verts_m[corners] * barycentric[..., None]).sum(1)
    normal = torch.nn.functional.normalize((surface.vertex_normals[corners] * barycentric[..., None]).sum(1), dim=1)
    view = torch.nn.functional.normalize(-position, dim=1)
    return Hits(surface, face_index, barycentric, position, normal, view, torch.full((len(position),), 4e-4))


def by_name(surfaces: list[Surface]) -> dict[str, Surface]:
    return {surface.name: surface for surface in surfaces}


def test_every_triangle_of_the_head_is_in_one_surface(painter: FacePainter) -> None:
    rows = torch.cat(list(painter.rows.values()))
    assert torch.equal(rows.sort().values, torch.arange(len(painter.assets.faces)))
    head = make_head(painter)
    look, grooming = draw(0)
    for surface in painter.surfaces(head, look, TRAITS, grooming):
        assert surface.verts_m is head.verts_m
        assert torch.equal(surface.faces, painter.assets.faces[painter.rows[surface.name]])
        assert surface.uv is not None
        assert len(surface.uv) == len(surface.faces)


@pytest.mark.parametrize("seed", range(4))
def test_shading_is_physical_whoever_it_is(painter: FacePainter, seed: int) -> None:
    rng = np.random.default_rng(seed)
    traits = Traits.draw(rng)
    look = FaceLook.draw(rng, traits, 0, 0)
    head = make_head(painter, jaw=torch.tensor([0.15 * seed, 0.0, 0.0]))
    for surface in painter.surfaces(head, look, traits, draw_grooming(rng, traits)):
        hits = hits_everywhere(surface)
        shading = surface.material(hits)
        assert shading.albedo.shape == (len(hits.pixel_m), 3)
        assert float(shading.albedo.min()) >= 0
        assert float(shading.albedo.max()) <= 1
        occlusion = torch.as_tensor(shading.occlusion)
        assert float(occlusion.min()) > 0
        assert float(occlusion.max()) <= 1
        if shading.normal is not None:
            assert torch.allclose(shading.normal.norm(dim=1), torch.ones(len(hits.pixel_m)), atol=1e-4)


def test_the_same_numbers_paint_the_same_face(painter: FacePainter) -> None:
    head = make_head(painter)
    look, grooming = draw(5)
    assert (look, grooming) == draw(5)
    assert look != draw(6)[0]
    first, second = (by_name(painter.surfaces(head, look, TRAITS, grooming))["skin"] for _ in range(2))
    hits = hits_everywhere(first)
    assert torch.equal(first.material(hits).albedo, second.material(hits).albedo)
    assert first.part_map is not None
    assert second.part_map is not None
    assert torch.equal(first.part_map, second.part_map)


def test_the_brow_label_is_where_the_brow_is_painted(painter: FacePainter) -> None:
    head = make_head(painter)
    look, grooming = draw(1)
    assert look.brows is not None
    dense = dataclasses.replace(look, brows=dataclasses.replace(look.brows, density=0.9, rgb=(0.0, 1.0, 0.0)))
    bare = dataclasses.replace(look, brows=None)
    with_brows, without = (by_name(painter.surfaces(head, each, TRAITS, grooming))["skin"] for each in (dense, bare))
    assert without.part_map is None
    assert with_brows.part_map is not None
    hits = hits_everywhere(with_brows)
    texel = (hits.uv * with_brows.part_map.shape[0]).long()
    labelled = with_brows.part_map[texel[:, 1], texel[:, 0]] == int(Part.BROWS)
    changed = (with_brows.material(hits).albedo - without.material(hits).albedo).abs().sum(1)
    assert int(labelled.sum()) > 50
    assert float(changed[labelled].median()) > 0.4
    assert float((changed[~labelled] > 0.4).float().mean()) < 0.02
    assert not labelled[changed == 0].any()


def test_irises_follow_the_gaze(painter: FacePainter) -> None:
    look, grooming = draw(2)
    centres = []
    for turn in (-0.4, 0.0, 0.4):
        head = make_head(painter, eyes=torch.tensor([[0.0, turn, 0.0]] * 2))
        eyes = by_name(painter.surfaces(head, look, TRAITS, grooming))["eyes"]
        hits = hits_everywhere(eyes)
        left_front = (hits.position_m[:, 0] > 0) & (hits.position_m[:, 2] > head.joints_m[3, 2])
        dark = eyes.material(hits).albedo.sum(1) < 0.05
        assert int((dark & left_front).sum()) > 3
        centres.append(float(hits.position_m[dark & left_front, 0].mean() - head.joints_m[3, 0]))
    assert centres[0] < -0.003 < centres[1] < 0.003 < centres[2]


def test_tone_darkens_with_melanin(painter: FacePainter) -> None:
    look = draw(3)[0]
    tones = [
        painter.skin_tone_deg(look, dataclasses.replace(TRAITS, melanin=melanin)) for melanin in np.linspace(0, 1, 6)
    ]
    assert all(lighter > darker for lighter, darker in itertools.pairwise(tones))
    assert tones[0] > 45
    assert tones[-1] < -35


def test_little_light_gets_into_the_mouth_and_the_nostrils(painter: FacePainter) -> None:
    assets = painter.assets
    marks = assets.landmarks["mediapipe"].face_index
    cheek = assets.faces[marks[[50, 280]]].reshape(-1)
    for occlusion in painter.occlusion:
        assert occlusion[assets.region("nose")].min() < 0.5 * occlusion[cheek].mean()
        assert occlusion[assets.region("mouth_interior")].mean() < 0.4 * occlusion[cheek].mean()
    teeth = assets.region("teeth")
    assert painter.occlusion[1][teeth].mean() > painter.occlusion[0][teeth].mean()


def test_a_photographed_skin_gives_its_detail_but_not_its_tone(painter: FacePainter) -> None:
    side = 256
    rows = np.arange(side)[:, None, None]
    stripes = np.where(rows // 8 % 2 == 0, 1.0, 0.7) * np.array([200.0, 160.0, 140.0])
    picture = np.broadcast_to(stripes, (side, side, 3)).astype(np.uint8)
    iris = IrisTexture("blue", np.full((64, 64, 3), (20, 40, 200), np.uint8), 30.0)
    own = FacePainter.of(painter.assets, [SkinTexture("stripes", picture, 40.0)], [iris])
    look, grooming = FaceLook.draw(np.random.default_rng(0), TRAITS, 1, 1), draw(0)[1]
    head = make_head(own)
    albedo = []
    for photo in (None, 0):
        each = dataclasses.replace(look, skin=dataclasses.replace(look.skin, photo=photo))
        each = dataclasses.replace(each, eyes=dataclasses.replace(look.eyes, photo=0))
        surfaces = by_name(own.surfaces(head, each, TRAITS, grooming))
        albedo.append(surfaces["skin"].material(hits_everywhere(surfaces["skin"])).albedo)
        eyes = surfaces["eyes"].material(hits_everywhere(surfaces["eyes"])).albedo
        assert int((eyes[:, 2] > 2 * eyes[:, 0]).sum()) > 10
    ratio = (albedo[1] / albedo[0]).log()
    assert float(ratio.std()) > 0.1
    assert float(ratio.quantile(0.5).abs()) < 0.5


def test_lashes_grow_from_both_lids_and_stand_out_of_the_eye(painter: FacePainter) -> None:
    head = make_head(painter)
    look, grooming = draw(0)
    ribbons = painter.lashes(head, look, TRAITS, grooming).verts_m.reshape(4, -1, 4, 3)
    for ribbon, eye, upper in zip(ribbons, (4, 4, 3, 3), (True, False, True, False), strict=True):
        root, tip = (ribbon[:, ring] - head.joints_m[eye] for ring in (0, -1))
        assert (tip.norm(dim=1) > root.norm(dim=1)).all()
        assert bool((tip - root)[:, 1].mean() > 0) == upper
        assert (ribbon[:, 0, 0].mean() > 0) == (eye == 3)


def test_a_head_without_texture_coordinates_is_refused(painter: FacePainter) -> None:
    bare = dataclasses.replace(painter.assets, uv=torch.zeros(0, 2), uv_faces=torch.zeros(0, 3, dtype=torch.int64))
    with pytest.raises(ValueError, match="texture coordinates"):
        FacePainter.of(bare)
    with pytest.raises(ValueError, match="mediapipe"):
        FacePainter.of(dataclasses.replace(painter.assets, landmarks={}))


def test_a_head_may_lack_regions(painter: FacePainter) -> None:
    bare = FacePainter.of(dataclasses.replace(painter.assets, regions={}))
    assert list(bare.rows) == ["skin"]
    look, grooming = draw(0)
    names = [surface.name for surface in bare.surfaces(make_head(painter), look, TRAITS, grooming)]
    assert names == ["skin"]
