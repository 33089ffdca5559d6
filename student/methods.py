"""The student as a method of `shared.evaluate`, found there by name."""

from __future__ import annotations

from dataclasses import replace

import torch

from shared.evaluate.faces import FaceMesh
from shared.evaluate.protocol import Method, Picture, Reconstruction
from shared.plugins.refine import CoefficientBasis, load_refiner
from shared.records.tensor_record import stack
from student.api import Student
from student.head.predictor import found_blendshapes


def student() -> Method:
    """The shipped base student."""
    return method(Student.from_pretrained("base"))


def nano() -> Method:
    """The shipped nano student."""
    return method(Student.from_pretrained("nano"))


def student_picture() -> Method:
    """The shipped base student of the picture alone: landmarks only place the crop."""
    return method(Student.from_pretrained("base", landmarks=False))


def student_refined() -> Method:
    """The shipped base student, brought onto MediaPipe's landmarks as by ``refine=3``."""
    return method(Student.from_pretrained("base"), refine=3)


def method(student: Student, refine: int = 0) -> Method:
    """A student as a method, with so many steps of the teacher's solver behind it.

    Without a camera it takes the focal length that `CameraConfig` assumes.
    """
    model, assets = student.predictor.decoder.model, student.predictor.decoder.model.assets
    basis = student.predictor.spec.basis
    refiner = load_refiner(model, CoefficientBasis(basis.shape, basis.expression)) if refine else None

    def reconstruct(picture: Picture) -> Reconstruction | None:
        faces = student.detector.detect(picture.image)
        if not faces:
            return None
        landmarks = torch.from_numpy(faces[0].landmarks_px)[None]
        camera = student.camera_for(picture.image, picture.id)
        if picture.camera is not None:
            camera = replace(camera, focal_px=picture.camera.focal_px, center_px=picture.camera.center_px)
        blendshapes = found_blendshapes(faces[:1])
        heads = student.predictor.predict([picture.image], landmarks, landmarks, stack([camera]), blendshapes)
        if refiner is not None:
            heads = student.predictor.decoder.moved(heads, refiner(heads.initial, landmarks, refine))
        with torch.inference_mode():
            neutral = model(replace(model.neutral_params(), shape=heads.params.shape[0])).verts_m
        return Reconstruction(
            posed=FaceMesh.of_head(heads.verts_m[0], assets),
            neutral=FaceMesh.of_head(neutral, assets),
            landmarks_px=heads.mesh_landmarks_px[0],
        )

    return reconstruct
