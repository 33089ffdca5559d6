"""Portraits without a studio: an open head alone, whose colours are its UV. Exact truth in milliseconds."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.flame.assets import load_flame
from shared.flame.model import FlameModel
from shared.flame.params import FlameParams
from shared.flame.segmentation import Part
from shared.geometry.camera import Camera
from shared.landmarker.blendshapes import N_BLENDSHAPES
from shared.render.maps import RenderedMaps, render_maps
from shared.synthetic.face.parts import part_of_face, split_faces
from shared.synthetic.heads import HeadRanges, random_scene
from shared.synthetic.scene.portrait import Portrait, PortraitFacts, PortraitTruth
from shared.synthetic.storage.detection import Detection
from shared.synthetic.storage.shards import ShardWriter
from teacher.prior.geometry.mirror import Mirror
from teacher.prior.networks.vertices import spread_vertices

SIZE = 128


@cache
def head() -> FlameModel:
    """The open head."""
    return FlameModel(load_flame())


@cache
def vertices() -> Tensor:
    """The vertices that these tests train."""
    return spread_vertices(head().assets, 200)


@cache
def mirror() -> Mirror:
    """Of the head; finding it takes seconds."""
    return Mirror.of(head().assets)


@cache
def _part_of_face() -> Tensor:
    return part_of_face(head().assets, split_faces(head().assets))


def scene(index: int, size: int = SIZE) -> tuple[FlameParams, Camera]:
    """A random head before a camera, off its middle."""
    ranges = HeadRanges(size=(size, size), yaw=0.7)
    return random_scene(head(), ranges, np.random.default_rng([5, index]))


def maps_of(params: FlameParams, camera: Camera) -> RenderedMaps:
    """The head alone."""
    assets = head().assets
    return render_maps(head()(params).verts_m, assets.faces, camera, assets.uv, assets.uv_faces)


def plain_portrait(params: FlameParams, camera: Camera, index: int = 0) -> Portrait:
    """What is true of a head before a camera."""
    assets, verts = head().assets, head()(params).verts_m
    maps = maps_of(params, camera)
    assert maps.uv is not None
    part = torch.where(maps.mask, _part_of_face()[maps.fragments.face_index.clamp_min(0)], int(Part.BACKGROUND))
    marks = [camera.project(assets.landmarks[name].positions(verts, assets.faces)) for name in ("mediapipe", "ibug68")]
    truth = PortraitTruth(
        params=params,
        camera=camera,
        normal=maps.normal,
        uv=maps.uv,
        depth_m=maps.depth_m,
        part=part.to(torch.uint8),
        neutral_m=head()(replace(head().neutral_params(), shape=params.shape)).verts_m,
        vertex_visible=_visible(camera.world_to_cam(verts), camera, maps.depth_m),
        landmarks_px=marks[0],
        landmarks_visible=torch.ones(478, dtype=torch.bool),
        landmarks68_px=marks[1],
        landmarks68_visible=torch.ones(68, dtype=torch.bool),
    )
    facts = PortraitFacts(0, index, index, "posed", 0.0, 0.0, 0.0, 0.0, 0.0, 30.0, 50.0, "bald", (), "sun", "room")
    colours = torch.cat([maps.uv, 0.5 * maps.mask[None]]).permute(1, 2, 0)
    return Portrait((colours * 255).round().to(torch.uint8).numpy(), truth, facts)


@cache
def portrait(index: int, size: int = SIZE) -> Portrait:
    """A random one, not to be changed."""
    return plain_portrait(*scene(index, size), index)


def found_landmarks(one: Portrait) -> Tensor:
    """(478, 2) as MediaPipe might find them: all shifted a little."""
    return one.truth.landmarks_px + 0.8


def detection(one: Portrait) -> Detection:
    """What a landmarker might find."""
    return Detection(found_landmarks(one), torch.linspace(0, 1, N_BLENDSHAPES))


def write_portraits(root: Path, indices: range, head_id: str | None = None, shard: int = 0) -> list[Portrait]:
    """A shard without losses in the pictures worth speaking of; the second portrait's landmarks are not found."""
    portraits = [portrait(index) for index in indices]
    found = iter([None if number == 1 else detection(one) for number, one in enumerate(portraits)])
    provenance = {"head_id": head_id or head().assets.head_id}
    ShardWriter(root, "jpg", 100, provenance, lambda _image: next(found)).write(shard, portraits)
    return portraits


def _visible(cam_m: Tensor, camera: Camera, depth_m: Tensor) -> Tensor:
    pixel = camera.project_cam(cam_m)
    inside = (pixel >= 0).all(1) & (pixel < SIZE).all(1)
    column, row = pixel.clamp(0, depth_m.shape[0] - 1).long().unbind(1)
    seen = depth_m[row, column]
    return inside & (seen > 0) & ((cam_m[:, 2] - seen).abs() < 3e-3)
