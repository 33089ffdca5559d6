"""From a number to a portrait: draw the person and the shot, build the scene, render it, write down the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.points import FlamePoints
from shared.flame.schema import FlameAssets
from shared.geometry.camera import Camera
from shared.geometry.meshes import vertex_normals
from shared.records.tensor_record import stack
from shared.synthetic.body.bust import BustMaker
from shared.synthetic.body.look import BodyLook
from shared.synthetic.face.look import draw_grooming
from shared.synthetic.face.painter import FacePainter
from shared.synthetic.hair.dresser import HairDresser
from shared.synthetic.makehuman.library import MakeHumanLibrary
from shared.synthetic.occluders.draw import draw_occluders
from shared.synthetic.occluders.look import OccluderLook
from shared.synthetic.occluders.maker import OccluderMaker
from shared.synthetic.people import Person
from shared.synthetic.pose.shot import Kind, Shot, draw_shot
from shared.synthetic.scene.metering import exposed_for_the_face
from shared.synthetic.scene.portrait import Portrait, PortraitFacts
from shared.synthetic.scene.render import look, render
from shared.synthetic.scene.scene import PosedHead, Scene, Surface, skull_motion
from shared.synthetic.scene.sensor import Sensor, apply_sensor
from shared.synthetic.scene.streams import stream
from shared.synthetic.scene.truth import FaceSkin, HeadMaps, portrait_truth
from shared.synthetic.surroundings.draw import Surroundings, SurroundingsMaker

# Expressions carry most of what there is to learn; a face at rest is soon known.
_KINDS: dict[Kind, float] = {"neutral": 0.22, "posed": 0.48, "profile": 0.12, "occluded": 0.18}


@dataclass(frozen=True)
class Order:
    """Which portrait: everything in it follows from these."""

    seed: int
    index: int
    person: int  # pictures of one series with the same number show the same person
    kind: Kind

    @staticmethod
    def draw(seed: int, index: int, per_person: int = 1) -> Order:
        """Picture ``index`` of a series with ``per_person`` pictures of each person."""
        kind = stream(seed, index, "kind").choice(list(_KINDS), p=list(_KINDS.values()))
        return Order(seed, index, index // per_person, str(kind))  # type: ignore[arg-type]


class PortraitStudio:
    """Makes portraits of one head model. Building one takes seconds; a portrait then some tens of milliseconds.

    Args:
        model: on the device that is to render; the head needs "mediapipe" and "ibug68" landmarks, texture coordinates,
            ARKit units and the regions of the open head.
        size: (height, width) of the pictures in pixels.
        makehuman: a folder with MakeHuman's assets; without it everything is procedural.
        backgrounds: a folder of pictures to mix with the procedural backgrounds.

    Raises:
        KeyError, ValueError: the head lacks something of the above, or a folder has nothing of use.
    """

    def __init__(
        self,
        model: FlameModel,
        size: tuple[int, int] = (256, 256),
        makehuman: Path | None = None,
        backgrounds: Path | None = None,
    ) -> None:
        if model.assets.arkit is None:
            raise ValueError(f"head {model.assets.name!r} has no ARKit units to draw expressions from")
        self.model, self.size = model, size
        self.assets = assets = model.assets.to(model.v_template.device)
        self.library = MakeHumanLibrary.open(makehuman, assets) if makehuman else None
        skins, irises = (self.library.skins, self.library.irises) if self.library else ((), ())
        self.marks = FlamePoints.from_embedding(model, assets.landmarks["mediapipe"])
        self.painter = FacePainter.of(assets, skins, irises)
        self.dresser = HairDresser.of(assets)
        self.bust = BustMaker.of(assets)
        self.occluders = OccluderMaker.of(assets)
        self.surroundings = SurroundingsMaker(backgrounds)
        self.face_skin = FaceSkin.of(assets)

    @torch.no_grad()
    def portrait(self, order: Order, shot: Shot | None = None) -> Portrait:
        """Make one. Depends on the order and the studio's options alone, not on what was made before.

        ``shot``, of the same person, takes the place of the one that is drawn: for clips and views of one moment.
        """
        seed, index = order.seed, order.index
        person = Person.draw(seed, order.person, self.model, self.library)
        if shot is None:
            shot = draw_shot(self.model, self.marks, person.shape, order.kind, self.size, stream(seed, index, "shot"))
        device = self.model.v_template.device
        shot = replace(shot, params=shot.params.to(device), camera=shot.camera.to(device))
        head = pose_head(self.model, self.assets, shot.params, shot.camera)
        has_hair = person.hair.style != "bald" or person.modelled_hair is not None
        worn = draw_occluders(stream(seed, index, "occluders"), person.traits, order.kind, has_hair)
        place = self.surroundings.draw(stream(seed, index, "surroundings"), self.size)

        seen = look(Scene.of(self._surfaces(head, person, worn, order)), shot.camera)
        radiance = render(seen, place.lighting, place.picture, head.landmarks_m().mean(0))
        maps = HeadMaps.of(head)
        truth = portrait_truth(head, maps, seen)
        rng = stream(seed, index, "sensor")
        radiance = exposed_for_the_face(radiance, truth.part.numpy(), rng)
        image = apply_sensor(radiance, Sensor.draw(rng, self.size), rng)
        facts = self._facts(head, self.face_skin.occluded_share(maps, truth.part), person, shot, worn, place, order)
        return Portrait(image, truth, facts)

    def _surfaces(self, head: PosedHead, person: Person, worn: tuple[OccluderLook, ...], order: Order) -> list[Surface]:
        """All that stands before the camera, the head first."""
        traits, library = person.traits, self.library
        face = replace(person.face, brows=None) if person.modelled_brows else person.face
        grooming = draw_grooming(stream(order.seed, order.index, "grooming"), traits)
        body = BodyLook.draw(stream(order.seed, order.index, "body"), traits)
        surfaces = self.painter.surfaces(head, face, traits, grooming)
        surfaces += self.bust.surfaces(head, body, self.painter.body_skin(face, traits))
        surfaces += self._hair(head, person, worn)
        if library and person.modelled_brows:
            surfaces += library.brow_surfaces(head, person.modelled_brows, traits.hair_rgb)
        if library and person.modelled_lashes:
            surfaces += library.lash_surfaces(head, person.modelled_lashes)
        else:
            surfaces.append(self.painter.lashes(head, face, traits, grooming))
        surfaces += self.dresser.beard(head, traits, person.hair)
        return surfaces + self.occluders.surfaces(head, worn, traits)

    def _hair(self, head: PosedHead, person: Person, worn: tuple[OccluderLook, ...]) -> list[Surface]:
        """The hair as far as what is worn leaves it to be seen."""
        if any(one.hides_hair for one in worn):
            return []
        hat = any(one.is_hat for one in worn)
        if self.library and person.modelled_hair and not hat:
            return self.library.hair_surfaces(head, person.modelled_hair, person.traits.hair_rgb)
        return self.dresser.surfaces(head, person.hair, person.traits, under_hat=hat)

    def _facts(
        self,
        head: PosedHead,
        occluded: float,
        person: Person,
        shot: Shot,
        worn: tuple[OccluderLook, ...],
        place: Surroundings,
        order: Order,
    ) -> PortraitFacts:
        hat = any(one.is_hat for one in worn)
        hair = person.modelled_hair if person.modelled_hair and not hat else person.hair.style
        return PortraitFacts(
            seed=order.seed,
            index=order.index,
            person=order.person,
            kind=order.kind,
            yaw_deg=float(np.degrees(shot.yaw_rad)),
            pitch_deg=float(np.degrees(shot.pitch_rad)),
            roll_deg=float(np.degrees(shot.roll_rad)),
            expression_mm=expression_mm(head),
            occluded=occluded,
            skin_tone_deg=self.painter.skin_tone_deg(person.face, person.traits),
            focal_35mm=shot.focal_35mm,
            hair="covered" if any(one.hides_hair for one in worn) else hair,
            occluders=tuple(one.name for one in worn),
            light=place.light,
            background=place.background,
        )


@torch.no_grad()
def pose_head(model: FlameModel, assets: FlameAssets, params: FlameParams, camera: Camera) -> PosedHead:
    """The head of the picture, on the model's device, where assets, parameters and camera are as well."""
    # One pass for both: what it costs is to read the blendshapes.
    both = model(stack([params, replace(model.neutral_params(), shape=params.shape)]))
    verts, neutral = both.verts_m
    skull, root = skull_motion(params, model.rest_joints(model.coefficients(params)))
    normals = vertex_normals(verts, model.faces)
    return PosedHead(assets, params, camera, verts, both.joints_m[0], neutral, skull, root, normals)


def expression_mm(head: PosedHead) -> float:
    """Mean distance of the face's vertices from where they were without expression, millimetres."""
    face = head.assets.region("face")
    return float(1e3 * (head.verts_m - head.skull_to_world(head.neutral_m))[face].norm(dim=1).mean())
