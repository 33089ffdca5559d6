"""The same face from torch and from ONNX Runtime, and that of the decoder."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.flame.mediapipe_embedding import mediapipe_embedding
from shared.geometry.camera import Camera
from shared.geometry.crop import Crop
from student.live.posing import FacePosing
from student.live.stream import in_picture
from tests.student.exported import faces, predictor_of, whole_pictures


@pytest.mark.parametrize("runtime", ["torch", "onnx"])
def test_the_face_is_that_of_the_whole_head(runtime: str) -> None:
    predictor = predictor_of("landmarks")
    decoder = predictor.decoder
    posing = {"torch": FacePosing.in_torch, "onnx": FacePosing.in_onnx}[runtime](decoder)
    images, marks, cameras = whole_pictures(faces(4))
    cameras = replace(cameras, T_cam_world=_turned(cameras.T_cam_world))
    with torch.inference_mode():
        for row in range(4):
            camera, seen = cameras[row : row + 1], marks[row : row + 1]
            crop = predictor.crop(seen)
            output = in_picture(predictor.network(predictor.inputs(images[row : row + 1], crop, seen, camera)), crop)
            output = replace(output, jaw=output.jaw * (row > 0), neck=output.neck * (row > 1))  # no rotation at all
            face = posing(output, camera)
            params = decoder.params(output, Crop.whole(camera.size, camera.focal_px), camera)
            for name, value in vars(params).items():
                torch.testing.assert_close(getattr(face.params, name), value, rtol=1e-4, atol=2e-5)
            _, embedding = mediapipe_embedding(decoder.model.assets)
            verts = decoder.model(params).verts_m
            expected = camera.project(embedding.positions(verts, decoder.model.assets.faces))[0]
            torch.testing.assert_close(torch.from_numpy(face.mesh_landmarks_px), expected, rtol=0, atol=2e-2)


def _turned(T_cam_world: torch.Tensor) -> torch.Tensor:
    """The same cameras in a world whose x and y are swapped for y and -x, and whose origin lies elsewhere."""
    move = torch.tensor([[0.0, 1, 0, 0.3], [-1, 0, 0, 0.1], [0, 0, 1, -0.2], [0, 0, 0, 1]])
    return T_cam_world @ move


def test_the_camera_may_be_any() -> None:
    """What the exporter followed must not be kept as a constant."""
    predictor = predictor_of("landmarks")
    posing = FacePosing.in_onnx(predictor.decoder)
    images, marks, cameras = whole_pictures(faces(1))
    camera = cameras[:1]
    wider = Camera(0.5 * camera.focal_px, camera.center_px + 7, camera.T_cam_world, camera.size)
    with torch.inference_mode():
        crop = predictor.crop(marks)
        output = in_picture(predictor.network(predictor.inputs(images, crop, marks, camera)), crop)
        near, far = (posing(output, one).params.translation for one in (wider, camera))
        other = FacePosing.in_torch(predictor.decoder)(output, wider).params.translation
    assert float((near - far).norm()) > 0.05
    torch.testing.assert_close(near, other, rtol=1e-4, atol=1e-5)
