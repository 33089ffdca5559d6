"""Occluders sit right on every head, and pictures get the occluders they were promised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.segmentation import Part
from shared.geometry.camera import Camera
from shared.geometry.closest import closest_points
from shared.geometry.meshes import vertex_normals
from shared.synthetic.occluders.draw import draw_occluders, is_unoccluded
from shared.synthetic.occluders.face_masks import draw_face_mask
from shared.synthetic.occluders.foreground import draw_other_person, draw_thing
from shared.synthetic.occluders.gestures import draw_gesture
from shared.synthetic.occluders.glasses import draw_glasses
from shared.synthetic.occluders.hats import HatLook, draw_hat
from shared.synthetic.occluders.head_fit import HeadFit
from shared.synthetic.occluders.held import draw_held
from shared.synthetic.occluders.look import OccluderLook
from shared.synthetic.occluders.loose_hair import draw_loose_hair
from shared.synthetic.occluders.maker import OccluderMaker
from shared.synthetic.occluders.microphones import draw_headset, draw_stand_microphone
from shared.synthetic.occluders.shapes import ellipsoid, lathe, rounded_box, tube
from shared.synthetic.scene.person import Traits
from shared.synthetic.scene.scene import PosedHead, Surface
from shared.synthetic.studio import pose_head

TRAITS = Traits(melanin=0.4, age=0.3, presentation=0.5, hair_rgb=(0.05, 0.03, 0.02), beard=0.0)
DRAWS: dict[str, Callable[[np.random.Generator], OccluderLook]] = {
    "glasses": lambda rng: draw_glasses(rng, sunglasses=False),
    "sunglasses": lambda rng: draw_glasses(rng, sunglasses=True),
    "hat": draw_hat,
    "face mask": draw_face_mask,
    "gesture": lambda rng: draw_gesture(rng, TRAITS),
    "held": lambda rng: draw_held(rng, TRAITS),
    "stand microphone": draw_stand_microphone,
    "headset": draw_headset,
    "loose hair": draw_loose_hair,
    "other person": draw_other_person,
    "thing": draw_thing,
}


@pytest.fixture(scope="module")
def model() -> FlameModel:
    return FlameModel(load_flame())


@pytest.fixture(scope="module")
def maker(model: FlameModel) -> OccluderMaker:
    return OccluderMaker.of(model.assets)


def random_head(model: FlameModel, seed: int, jaw_open: float = 0.0) -> PosedHead:
    """A turned head of a random person, half a metre to one metre from the camera."""
    rng, assets = np.random.default_rng(seed), model.assets
    assert assets.arkit is not None
    units = torch.zeros(52)
    units[assets.arkit.names.index("jawOpen")] = jaw_open

    def normal(count: int, deviation: float) -> Tensor:
        return torch.tensor(rng.normal(0, deviation, count), dtype=torch.float32)

    params = replace(
        model.neutral_params(),
        shape=normal(model.n_shape, 0.8),
        expression=assets.arkit.expression @ units,
        jaw=assets.arkit.jaw @ units,
        global_rot=normal(3, 0.3),
        neck=normal(3, 0.1),
        translation=torch.tensor([0.0, 0.0, -rng.uniform(0.5, 1.0)]),
    )
    return pose_head(model, assets, params, Camera.at_origin(torch.tensor(400.0), (256, 256)))


def in_skull_frame(head: PosedHead, points_m: Tensor) -> Tensor:
    """(N, 3) world -> head frame."""
    return (points_m - head.T_world_skull[:3, 3]) @ head.T_world_skull[:3, :3]


def named(surfaces: Sequence[Surface], ending: str) -> list[Surface]:
    found = [surface for surface in surfaces if surface.name.endswith(ending)]
    assert found
    return found


def height_over_skin(head: PosedHead, points_m: Tensor) -> np.ndarray:
    """(N,) distance in front of the nearest skin, negative inside; ears, eyes and the mouth's inside left out."""
    inner = torch.zeros(head.assets.n_vertices, dtype=torch.bool)
    for region in ("ears", "eyes", "mouth_interior", "teeth", "tongue", "sockets"):
        inner |= head.assets.region(region)
    faces = head.assets.faces[~inner[head.assets.faces].any(1)]
    hit = closest_points(points_m.numpy(), head.verts_m.numpy(), faces.numpy())
    normals = head.normals[faces[torch.from_numpy(hit.face_index)]].mean(1).numpy()
    return ((points_m.numpy() - hit.points) * normals).sum(1)


@pytest.mark.parametrize("name", DRAWS)
def test_every_occluder(name: str, model: FlameModel, maker: OccluderMaker) -> None:
    """The same numbers give the same finite, small meshes; equal generators the same numbers."""
    head = random_head(model, 1)
    for seed in range(6):
        look = DRAWS[name](np.random.default_rng(seed))
        assert look == DRAWS[name](np.random.default_rng(seed))
        first, second = (maker.surfaces(head, [look], TRAITS) for _ in range(2))
        assert sum(len(surface.faces) for surface in first) < 9500
        for one, other in zip(first, second, strict=True):
            assert torch.equal(one.verts_m, other.verts_m)
            assert one.verts_m.isfinite().all()
            assert one.vertex_normals.isfinite().all()
            assert one.part == (Part.HAIR if name == "loose hair" else Part.OCCLUDER)


def test_occluders_move_with_the_head(model: FlameModel, maker: OccluderMaker) -> None:
    """What is worn keeps its place on the skull when the head is somewhere else."""
    head = random_head(model, 2)
    shift = torch.tensor([0.03, -0.02, -0.1])
    params = replace(head.params, translation=head.params.translation + shift)
    T = head.T_world_skull.clone()
    T[:3, 3] += shift
    moved = replace(head, params=params, verts_m=head.verts_m + shift, T_world_skull=T)
    look = draw_hat(np.random.default_rng(0))
    for here, there in zip(maker.surfaces(head, [look], TRAITS), maker.surfaces(moved, [look], TRAITS), strict=True):
        assert torch.allclose(here.verts_m + shift, there.verts_m, atol=1e-5)


def test_glasses_sit_before_the_eyes(model: FlameModel, maker: OccluderMaker) -> None:
    """On 20 people: symmetric, in front of lids and nose, but no farther off than glasses are worn."""
    for seed in range(20):
        head = random_head(model, seed)
        surfaces = maker.surfaces(head, [draw_glasses(np.random.default_rng(seed), sunglasses=True)], TRAITS)
        frame = in_skull_frame(head, named(surfaces, "frame")[0].verts_m)
        mirrored = frame * torch.tensor([-1.0, 1.0, 1.0])
        assert torch.cdist(mirrored, frame).amin(1).max() < 1e-4
        marks = head.neutral_landmarks_m
        for lens, iris in zip(named(surfaces, "lens"), (473, 468), strict=True):
            verts = in_skull_frame(head, lens.verts_m)
            nearest = (verts[:, :2] - marks[iris, :2]).norm(dim=1).argmin()
            gap = verts[nearest, 2] - marks[iris, 2]
            assert 0.008 < gap < 0.040
        visible = frame[frame[:, 2] > marks[33, 2] + 0.005]
        world = visible @ head.T_world_skull[:3, :3].T + head.T_world_skull[:3, 3]
        assert height_over_skin(head, world).min() > -0.004


def test_temples_pass_the_side_of_the_head(model: FlameModel, maker: OccluderMaker) -> None:
    """They run outside the skin from the hinge to the ear."""
    for seed in range(8):
        head = random_head(model, seed)
        surfaces = maker.surfaces(head, [draw_glasses(np.random.default_rng(seed), sunglasses=False)], TRAITS)
        frame = in_skull_frame(head, named(surfaces, "frame")[0].verts_m)
        ear = head.neutral_m[head.assets.region("left_ear")]
        temple = frame[(frame[:, 2] > ear[:, 2].max()) & (frame[:, 2] < head.neutral_landmarks_m[33, 2])]
        world = temple @ head.T_world_skull[:3, :3].T + head.T_world_skull[:3, 3]
        assert height_over_skin(head, world).min() > -0.0005


def test_hats_lie_outside_the_scalp(model: FlameModel, maker: OccluderMaker) -> None:
    """With room for flat hair, above the brows, on 12 people."""
    hats = [look for seed in range(40) if isinstance(look := draw_hat(np.random.default_rng(seed)), HatLook)]
    for seed, look in enumerate(hats[:12]):
        head = random_head(model, seed)
        crown = maker.surfaces(head, [look], TRAITS)[0]
        rows = crown.verts_m[: 20 * 64]  # without the border, which curls in
        assert height_over_skin(head, rows).min() > 0.006
        front = in_skull_frame(head, crown.verts_m)
        front = front[(front[:, 2] > 0.03) & (front[:, 0].abs() < 0.03)]
        assert front[:, 1].min() > head.neutral_landmarks_m[[105, 334], 1].max() + 0.002


@pytest.mark.parametrize("jaw_open", [0.0, 0.6])
def test_masks_cover_the_mouth(jaw_open: float, model: FlameModel, maker: OccluderMaker) -> None:
    """The cloth is before the lips and nowhere deep in the skin, with the mouth shut or open."""
    for seed in range(10):
        head = random_head(model, seed, jaw_open)
        look = replace(draw_face_mask(np.random.default_rng(seed)), worn="on")
        cloth = maker.surfaces(head, [look], TRAITS)[0]
        assert height_over_skin(head, cloth.verts_m).min() > -0.002
        verts, marks = in_skull_frame(head, cloth.verts_m), in_skull_frame(head, head.landmarks_m())
        for lip in (0, 13, 14, 17, 61, 291):
            near = (verts[:, :2] - marks[lip, :2]).norm(dim=1) < 0.008
            assert near.any()
            assert verts[near, 2].min() > marks[lip, 2]
        assert verts[:, 1].min() < marks[152, 1] + 0.004  # round the chin


def test_hands_touch_and_their_arms_leave(model: FlameModel, maker: OccluderMaker) -> None:
    """A hand stays out of the face, and its arm is at least 35 cm long."""
    for seed in range(12):
        head = random_head(model, seed)
        look = draw_gesture(np.random.default_rng(seed), TRAITS)
        surfaces = maker.surfaces(head, [look], TRAITS)
        hand, forearm = named(surfaces, "hand")[0].verts_m, named(surfaces, "forearm")[0].verts_m
        assert np.quantile(height_over_skin(head, hand), 0.02) > -0.012
        assert torch.cdist(forearm, forearm).max() > 0.35
        assert torch.cdist(hand, forearm).min() < 0.006
        if look.gesture != "waving":
            assert torch.cdist(hand, head.verts_m).min() < 0.012


def test_things_in_the_foreground_cover_a_part_of_the_face(model: FlameModel, maker: OccluderMaker) -> None:
    """They are nearer to the camera than the face, and their edge is seen where it should be."""
    for seed in range(12):
        head = random_head(model, seed)
        draw = draw_other_person if seed % 2 else draw_thing
        look = draw(np.random.default_rng(seed))
        middle = head.landmarks_m().mean(0)
        last = maker.surfaces(head, [look], TRAITS)[-1].verts_m
        assert last.norm(dim=1).min() < middle.norm()
        pixels = head.camera.project(torch.cat([last, middle[None]]))
        scale = head.camera.focal_px[0] / -middle[2]
        nearest_m = (pixels[:-1] - pixels[-1]).norm(dim=1).min() / scale
        assert nearest_m < 0.09


def test_fitting_is_the_same_for_a_mirrored_hand(model: FlameModel, maker: OccluderMaker) -> None:
    """On a symmetric head a left hand is the mirror image of a right one, triangles included."""
    head = random_head(model, 3)
    still = replace(head.params, shape=torch.zeros_like(head.params.shape))
    with torch.no_grad():
        mean = model(replace(model.neutral_params(), shape=still.shape)).verts_m
    straight = replace(head, params=model.neutral_params(), verts_m=mean, neutral_m=mean, T_world_skull=torch.eye(4))
    look = draw_gesture(np.random.default_rng(5), TRAITS)
    look = replace(look, gesture="cheek", turn_deg=(0.0, 0.0, 0.0), offset_m=(0.0, 0.0, 0.0))
    hands = [
        named(maker.surfaces(straight, [replace(look, hand=replace(look.hand, left=left))], TRAITS), "hand")[0]
        for left in (False, True)
    ]
    assert torch.allclose(hands[0].verts_m * torch.tensor([-1.0, 1.0, 1.0]), hands[1].verts_m, atol=2e-3)
    for hand in hands:
        outward = vertex_normals(hand.verts_m, hand.faces)
        assert (outward * hand.vertex_normals).sum(1).mean() > 0.9


def test_kinds_get_what_they_promise() -> None:
    """Occluded pictures have one to three things, one of which covers the face; the others clear glasses and hats."""
    counts = {"glasses": 0, "hats": 0}
    for seed in range(400):
        rng = np.random.default_rng(seed)
        occluded = draw_occluders(rng, TRAITS, "occluded")
        assert 1 <= len(occluded) <= 3
        assert not is_unoccluded(occluded)
        assert sum(look.is_hat for look in occluded) <= 1
        assert sum("glasses" in look.name for look in occluded) <= 1
        assert all(look.name != "hair strands" for look in draw_occluders(rng, TRAITS, "occluded", has_hair=False))
        free = draw_occluders(rng, TRAITS, "posed")
        assert is_unoccluded(free)
        counts["glasses"] += sum(look.name == "glasses" for look in free)
        counts["hats"] += sum(look.is_hat for look in free)
        assert len(free) == sum(look.is_hat or look.name == "glasses" for look in free) <= 2
    assert 50 <= counts["glasses"] <= 110
    assert 16 <= counts["hats"] <= 50


def test_solids_face_outwards() -> None:
    """The signed volume of closed shapes is that of the solid."""
    cpu = torch.device("cpu")
    path = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.05, 0.0], [0.0, 0.1, 0.0]])
    cylinder = torch.tensor([[0.0, 0.1], [0.01, 0.1], [0.01, 0.0], [0.0, 0.0]])
    for mesh, volume in (
        (ellipsoid((0.01, 0.02, 0.03), cpu, 40, 60), 4 / 3 * np.pi * 6e-6),
        (rounded_box((0.1, 0.2, 0.02), 0.001, cpu), 4e-4),
        (lathe(cylinder, 60), np.pi * 1e-5),
        (tube(path, 0.002, torch.tensor([0.0, 0.0, 1.0]), 40), np.pi * 4e-7),
    ):
        a, b, c = mesh.verts_m[mesh.faces].double().unbind(1)
        signed = (torch.linalg.cross(a, b) * c).sum() / 6
        assert float(signed) == pytest.approx(volume, rel=0.06)


def test_the_fit_knows_the_head(model: FlameModel, maker: OccluderMaker) -> None:
    """The skull's radius is that of the skin where there are no ears."""
    head = random_head(model, 7)
    fit = HeadFit.of(maker.chart, head, TRAITS)
    scalp = head.neutral_m[head.assets.region("scalp")] - fit.centre_m
    scalp = scalp[scalp[:, 1] > 0.02]
    azimuth, elevation = torch.atan2(scalp[:, 0], scalp[:, 2]), (scalp[:, 1] / scalp.norm(dim=1)).asin()
    assert (fit.skull_radius(azimuth, elevation) - scalp.norm(dim=1)).abs().max() < 0.004
