"""The renderer: light on the CPU against torch, shadows, antialiasing, and the truth against the mesh."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.segmentation import Part
from shared.geometry.camera import Camera
from shared.geometry.meshes import unit
from shared.render.shading import ambient_light
from shared.synthetic.scene.hits_numba import places_numba
from shared.synthetic.scene.lamps import Lamps
from shared.synthetic.scene.light import radiance_torch
from shared.synthetic.scene.light_numba import radiance_numba
from shared.synthetic.scene.lighting import Lamp, Lighting
from shared.synthetic.scene.render import look, places_torch, render
from shared.synthetic.scene.scene import Hits, Scene, Shading, Surface
from shared.synthetic.scene.truth import part_map, visible_points


def square(half: float, z: float, shift: tuple[float, float] = (0.0, 0.0)) -> tuple[Tensor, Tensor]:
    """A square that faces the camera at the origin."""
    corners = torch.tensor([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]])
    return corners + torch.tensor([*shift, 0.0]), torch.tensor([[0, 1, 2], [0, 2, 3]])


def painted(rgb: float) -> object:
    def material(hits: Hits) -> Shading:
        return Shading(torch.full_like(hits.position_m, rgb), specular=0.0, roughness=1.0)

    return material


def surface(name: str, mesh: tuple[Tensor, Tensor], part: Part, rgb: float = 0.5, **kwargs: object) -> Surface:
    return Surface(name, *mesh, part=part, material=painted(rgb), **kwargs)  # type: ignore[arg-type]


def lighting(surround: float, *lamps: Lamp) -> Lighting:
    return Lighting(ambient_light(torch.full((3,), surround)).numpy(), lamps)


VIEW = Camera.at_origin(torch.tensor(64.0), (32, 32))
HEAD_ON = Lamp(np.array([0.0, 0.0, 1.0]), np.array([0.5, 0.4, 0.3]), 0.01)
BLACK = np.zeros((32, 32, 3), np.float32)
CENTRE = torch.tensor([0.0, 0.0, -0.7])


def random_points(n: int) -> tuple[Hits, Shading, Shading]:
    generator = torch.Generator().manual_seed(2)

    def uniform(*size: int) -> Tensor:
        return torch.rand(*size, generator=generator)

    wall = surface("wall", square(0.2, -0.7), Part.CLOTH)
    position = torch.cat([0.3 * uniform(n, 2) - 0.15, -0.7 - 0.1 * uniform(n, 1)], 1)
    normal, fine = unit(torch.randn(n, 3, generator=generator)), unit(torch.randn(n, 3, generator=generator))
    hits = Hits(wall, torch.zeros(n).long(), uniform(n, 3), position, normal, unit(-position), uniform(n))
    skin = Shading(uniform(n, 3), uniform(n) * 0.1, uniform(n), fine, uniform(n), wrap=(0.25, 0.1, 0.06))
    return hits, skin, Shading(uniform(n, 3), occlusion=uniform(n), strand=fine)


@pytest.mark.parametrize("kind", ["skin", "plain", "hair"])
def test_light_on_the_cpu_is_that_of_torch(kind: str) -> None:
    hits, skin, hair = random_points(5000)
    shading = {"skin": skin, "hair": hair, "plain": Shading(skin.albedo, roughness=0.3)}[kind]
    surround = np.random.default_rng(0).normal(0, 0.3, (9, 3)).astype(np.float32)
    surround[0] += 1.5
    lamps = (HEAD_ON, Lamp(unit(torch.tensor([0.6, 0.5, 0.4])).numpy(), np.array([0.3, 0.4, 0.9]), 0.1))
    scene = Scene.of([hits.surface])
    light = Lamps.of(Lighting(surround, lamps), scene, CENTRE)
    ours, theirs = radiance_numba(hits, shading, light), radiance_torch(hits, shading, light)
    assert theirs.std() > 0.05
    # A sample at a texel's border may fall on either side.
    assert ((ours - theirs).abs().amax(1) > 1e-3 * (1 + theirs.amax(1))).float().mean() < 0.005
    no_lamps = Lamps.of(Lighting(surround, ()), scene, CENTRE)
    ours, theirs = radiance_numba(hits, shading, no_lamps), radiance_torch(hits, shading, no_lamps)
    assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_places_on_the_cpu_are_those_of_torch() -> None:
    generator = torch.Generator().manual_seed(3)
    verts = torch.randn(40, 3, generator=generator) - torch.tensor([0.0, 0.0, 4.0])
    faces = torch.randint(0, 40, (60, 3), generator=generator)
    mesh = surface("soup", (verts, faces), Part.CLOTH)
    face_index = torch.randint(0, 60, (500,), generator=generator)
    barycentric = torch.rand(500, 3, generator=generator)
    barycentric /= barycentric.sum(1, keepdim=True)
    ours, theirs = (places(mesh, face_index, barycentric) for places in (places_numba, places_torch))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert (ours[1] * ours[2]).sum(1).min() >= -0.15


def test_a_white_wall_is_as_bright_as_its_lamps_say() -> None:
    seen = look(Scene.of([surface("wall", square(1.0, -0.7), Part.CLOTH, rgb=1.0)]), VIEW)
    image = render(seen, lighting(0.1, HEAD_ON), BLACK, CENTRE)
    assert np.allclose(image, np.array([0.6, 0.5, 0.4]), atol=2e-3)


def test_a_thing_before_the_wall_casts_its_shadow_beside_itself() -> None:
    wall = surface("wall", square(1.0, -0.8), Part.CLOTH, rgb=1.0)
    thing = surface("thing", square(0.03, -0.7), Part.OCCLUDER, rgb=0.0)
    aside = Lamp(unit(torch.tensor([1.0, 0.0, 1.0])).numpy(), np.ones(3), 0.001)
    image = render(look(Scene.of([wall, thing]), VIEW), lighting(0.0, aside), BLACK, CENTRE)
    # The shadow lies 0.1 m to the left on the wall, seen at 64 * 0.1 / 0.8 = 8 pixels from the middle.
    assert image[16, 8].max() < 0.02
    assert image[16, 24] == pytest.approx(math.sqrt(0.5), abs=0.01)
    bare = Surface("thing", thing.verts_m, thing.faces, thing.part, thing.material, casts_shadow=False)
    image = render(look(Scene.of([wall, bare]), VIEW), lighting(0.0, aside), BLACK, CENTRE)
    assert image[16, 8] == pytest.approx(math.sqrt(0.5), abs=0.01)


def test_edges_are_averages_and_a_veil_lets_its_share_through() -> None:
    # 32 px at 64 px a metre at 0.64 m: half a pixel is 5 mm. The border runs through the middle of column 24.
    card = surface("card", square(0.085, -0.64), Part.CLOTH, rgb=1.0)
    image = render(look(Scene.of([card]), VIEW), lighting(1.0), BLACK, CENTRE)
    assert image[16, 23] == pytest.approx(1.0, abs=1e-3)
    assert image[16, 24] == pytest.approx(0.5, abs=1e-3)
    assert image[16, 25] == pytest.approx(0.0, abs=1e-3)
    veil = surface(
        "veil", square(1.0, -0.6), Part.HAIR, 0.0, uv=torch.zeros(2, 3, 2), cover=torch.full((1, 1), 64).byte()
    )
    image = render(look(Scene.of([veil, card]), VIEW), lighting(1.0), BLACK + 0.4, CENTRE)
    assert image[16, 16] == pytest.approx(0.75, abs=1e-3)
    assert image[2, 2] == pytest.approx(0.3, abs=1e-3)


def test_parts_and_visibility() -> None:
    cloth = surface("cloth", square(1.0, -0.8), Part.CLOTH)
    part_of_face = torch.tensor([int(Part.SKIN), int(Part.EYES)], dtype=torch.uint8)
    face = Surface("face", *square(0.1, -0.6), part=part_of_face, material=painted(0.5))  # type: ignore[arg-type]
    cover = torch.tensor([[255, 0]], dtype=torch.uint8)
    uv = torch.tensor([[[0.0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]])
    half_veil = surface("veil", square(0.1, -0.55), Part.HAIR, uv=uv, cover=cover)  # hides the left half of the face
    seen = look(Scene.of([cloth, face, half_veil]), VIEW)
    parts = part_map(seen)
    assert parts[16, 18] == Part.SKIN or parts[16, 18] == Part.EYES
    assert parts[20, 22] == Part.SKIN
    assert parts[11, 18] == Part.EYES
    assert parts[16, 12] == Part.HAIR
    assert parts[1, 1] == Part.CLOTH
    points = torch.tensor([[0.05, 0.0, -0.6], [-0.05, 0.0, -0.6], [0.05, 0.0, -0.8], [0.3, 0.3, -0.8], [9, 0, -0.8]])
    normals = torch.tensor([0.0, 0, 1]).expand(5, 3)
    assert visible_points(points, normals, seen).tolist() == [True, False, False, False, False]
    away = torch.tensor([0.0, 0, -1]).expand(5, 3)
    assert not visible_points(points, away, seen).any()
