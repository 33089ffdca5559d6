from __future__ import annotations

import os
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest
from skimage.data import astronaut, chelsea, coffee

from shared.images.faces import DetectedFace, select
from shared.landmarker.blendshapes import BLENDSHAPE_NAMES
from shared.landmarker.networks import CropLandmarks
from shared.landmarker.reader import Passes
from shared.landmarker.rotated_square import RotatedSquare
from shared.landmarker.search import FaceLandmarker

# Right and left pupil, right and left mouth corner: read off an enlarged picture with a grid, by eye.
LANDMARKS = [468, 473, 61, 291]
PLACES_PX = np.array([[204.2, 101.4], [246.7, 103.4], [202.1, 139.5], [245.7, 140.8]])


def error_percent(found: np.ndarray, face: DetectedFace) -> float:
    """Mean distance in % of the outer-eye-corner distance."""
    return float(np.linalg.norm(found - face.landmarks_px, axis=1).mean()) / face.size_px * 100


@pytest.fixture(scope="module")
def face(detector: FaceLandmarker) -> DetectedFace:
    (found,) = detector.detect(astronaut())
    return found


def test_landmarks_lie_on_the_face(face: DetectedFace) -> None:
    assert face.landmarks_px.shape == (478, 2)
    assert face.landmarks_px.dtype == np.float32
    assert face.z.shape == (478,)
    np.testing.assert_allclose(face.landmarks_px[LANDMARKS], PLACES_PX, atol=2)
    np.testing.assert_array_equal(face.box_px[:2], face.landmarks_px.min(0))
    np.testing.assert_array_equal(face.box_px[2:], face.landmarks_px.max(0))
    assert face.z[1] < face.z[[234, 454]].min()  # the nose is nearer than the temples
    assert face.detector_score > 0.8
    assert face.presence > 0.99
    assert face.inside_share == 1
    assert 55 < face.size_px < 67
    assert abs(face.roll_rad) < 0.15


def test_no_half_pixel_is_lost(photo: np.ndarray, detector: FaceLandmarker) -> None:
    # Mirrored, x goes to W - x by our convention; an offset by half a pixel of the network's 192 would show twofold.
    # The network is not symmetric itself: hence the mean over all points and some sizes, and the tolerance.
    offsets = []
    for scale in (0.8, 0.9, 1.0, 1.1, 1.2, 1.3):
        image = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        (plain,), (mirrored,) = detector.detect(image), detector.detect(image[:, ::-1])
        back = image.shape[1] - mirrored.landmarks_px[:468, 0]
        crop_px = 1.5 * (plain.box_px[3] - plain.box_px[1]) / 192
        offsets.append(float((back.mean() - plain.landmarks_px[:468, 0].mean()) / crop_px))
    assert abs(np.mean(offsets)) < 0.7  # 1.0 if the network's pixel centres were taken for corners


@pytest.mark.parametrize(("scale", "shift"), [(1.0, (37, 21)), (0.5, (0, 0)), (2.0, (11, 60)), (4.0, (0, 0))])
def test_landmarks_follow_scale_and_shift(
    photo: np.ndarray, face: DetectedFace, detector: FaceLandmarker, scale: float, shift: tuple[int, int]
) -> None:
    scaled = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    image = np.zeros((scaled.shape[0] + shift[1], scaled.shape[1] + shift[0], 3), np.uint8)
    image[shift[1] :, shift[0] :] = scaled
    (found,) = detector.detect(image)
    back = (found.landmarks_px - shift) / scale
    assert error_percent(back, face) < 2.5
    assert np.abs((back - face.landmarks_px).mean(0)).max() < 0.01 * face.size_px  # no common offset


@pytest.mark.parametrize("side", [270.0, 725.0])  # a portrait, and the whole picture with its corners
@pytest.mark.parametrize("degrees", [45, 90, 120, 150, 180, 210, 270])
def test_turned_faces(
    photo: np.ndarray, face: DetectedFace, detector: FaceLandmarker, side: float, degrees: float
) -> None:
    center = (256.0, 256.0) if side > 512 else (225.0, 130.0)
    square = RotatedSquare(center, side, np.deg2rad(degrees))
    found = detector.detect(square.sample(photo, 725))
    assert len(found) == 1
    assert error_percent(square.to_picture(found[0].landmarks_px / 725), face) < 2.5
    turn = found[0].roll_rad + np.deg2rad(degrees) - face.roll_rad
    assert abs(np.angle(np.exp(1j * turn))) < 0.1


@pytest.mark.parametrize(("pixels", "width"), [(40, 1000), (40, 2400), (20, 1280)])
def test_small_faces(photo: np.ndarray, face: DetectedFace, detector: FaceLandmarker, pixels: int, width: int) -> None:
    scale = pixels / float(face.box_px[3] - face.box_px[1])
    small = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    image = cv2.resize(coffee(), (width, width * 2 // 3))
    corner = np.array([width // 2 + 33, width // 3 - 5])
    image[corner[1] :, corner[0] :][: small.shape[0], : small.shape[1]] = small
    (found,) = detector.detect(image)
    back = (found.landmarks_px - corner) * [512 / small.shape[1], 512 / small.shape[0]]
    assert error_percent(back, face) < 5


def test_several_faces_come_largest_first(photo: np.ndarray, detector: FaceLandmarker) -> None:
    image = np.zeros((700, 1200, 3), np.uint8)
    image[:400, :400] = cv2.resize(photo, (400, 400), interpolation=cv2.INTER_AREA)
    image[50:690, 450:1090] = cv2.resize(photo, (640, 640), interpolation=cv2.INTER_CUBIC)
    faces = detector.detect(image)
    assert len(faces) == 2
    assert faces[0].box_px[0] > 450 > faces[1].box_px[2]
    assert faces[0].size_px == pytest.approx(faces[1].size_px * 640 / 400, rel=0.05)
    assert select(faces, "all") == faces
    assert select(faces[::-1], "largest") == faces[:1]
    assert select([], "largest") == []
    with pytest.raises(ValueError, match="'largest' or 'all', got 'best'"):
        select(faces, "best")  # type: ignore[arg-type]


def test_thorough_finds_small_faces_beside_large_ones(photo: np.ndarray) -> None:
    image = np.zeros((900, 1400, 3), np.uint8)
    image[:800, :800] = cv2.resize(photo, (800, 800), interpolation=cv2.INTER_CUBIC)
    image[400:600, 1000:1200] = cv2.resize(photo, (200, 200), interpolation=cv2.INTER_AREA)
    with FaceLandmarker(thorough=True) as thorough:
        assert [face.size_px > 50 for face in thorough.detect(image)] == [True, False]
    with FaceLandmarker(thorough=True, max_faces=1) as thorough:
        assert len(thorough.detect(image)) == 1


def test_half_faces_know_it(photo: np.ndarray, face: DetectedFace, detector: FaceLandmarker) -> None:
    (found,) = detector.detect(photo[:123])
    assert 0.3 < found.inside_share < 0.7
    above = face.landmarks_px[:, 1] < 115  # what can be seen must still be right
    error = np.linalg.norm((found.landmarks_px - face.landmarks_px)[above], axis=1).mean() / face.size_px
    assert error < 0.1


def test_what_is_no_face_gives_an_empty_list(detector: FaceLandmarker) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 500, 3)).astype(np.uint8)
    for image in (coffee(), chelsea(), noise, np.zeros((16, 16, 3), np.uint8), np.zeros((20, 3000, 3), np.uint8)):
        assert detector.detect(image) == []


def test_same_picture_same_bits_whatever_came_before(photo: np.ndarray, detector: FaceLandmarker) -> None:
    pictures = {"photo": photo, "turned": photo[::-1], "small": cv2.resize(photo, (200, 200)), "cup": coffee()}
    first = {name: detector.detect(image) for name, image in pictures.items()}
    second = {name: detector.detect(pictures[name]) for name in reversed(pictures)}
    with FaceLandmarker() as fresh:
        third = {name: fresh.detect(image) for name, image in pictures.items()}
    for name in pictures:
        for other in (second, third):
            assert len(first[name]) == len(other[name])
            for one, two in zip(first[name], other[name], strict=True):
                assert one.landmarks_px.tobytes() == two.landmarks_px.tobytes()
                assert (one.z.tobytes(), one.detector_score) == (two.z.tobytes(), two.detector_score)
                assert one.blendshapes is not None
                assert two.blendshapes is not None
                assert one.blendshapes.tobytes() == two.blendshapes.tobytes()


@pytest.mark.parametrize("stills", ["one_pass", "two_pass", "mirror"])
def test_passes_agree(photo: np.ndarray, face: DetectedFace, stills: Passes) -> None:
    with FaceLandmarker(stills=stills) as other:
        (found,) = other.detect(photo)
    assert error_percent(found.landmarks_px, face) < (1e-6 if stills == "mirror" else 2.5)


def test_blendshapes_of_a_smile_and_of_its_mirror_image(photo: np.ndarray, detector: FaceLandmarker) -> None:
    (plain,), (mirrored,) = detector.detect(photo), detector.detect(np.ascontiguousarray(photo[:, ::-1]))
    assert plain.blendshapes is not None
    assert mirrored.blendshapes is not None
    assert plain.blendshapes.dtype == np.float32
    said = dict(zip(BLENDSHAPE_NAMES, plain.blendshapes.tolist(), strict=True))
    assert min(said["mouthSmileLeft"], said["mouthSmileRight"]) > 0.7
    assert max(said["eyeBlinkLeft"], said["jawOpen"], said["mouthPucker"], said["tongueOut"]) < 0.3
    for name, value in zip(BLENDSHAPE_NAMES, mirrored.blendshapes.tolist(), strict=True):
        side = next((one for one in ("Left", "Right") if name.endswith(one)), "")
        other = name.removesuffix(side) + {"Left": "Right", "Right": "Left", "": ""}[side]
        assert value == pytest.approx(said[other], abs=0.35), name


def test_a_face_that_the_landmark_network_hardly_sees_keeps_the_better_pass() -> None:
    kept, lost = (
        CropLandmarks(np.full((2, 478, 3), value), np.array([value, 1 - value]), np.zeros(2)) for value in (0.3, 0.1)
    )
    chosen = lost.where(lost.presence >= kept.presence, kept)
    assert chosen.presence.tolist() == [0.3, 0.9]
    assert chosen.points[:, 0, 0].tolist() == [0.3, 0.1]


def test_threads_take_turns(photo: np.ndarray, face: DetectedFace, detector: FaceLandmarker) -> None:
    same: list[bool] = []

    def work() -> None:
        found = [detector.detect(photo)[0] for _ in range(5)]
        same.extend(one.landmarks_px.tobytes() == face.landmarks_px.tobytes() for one in found)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == [True] * 15


def test_misuse_is_explained(photo: np.ndarray, detector: FaceLandmarker) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8 RGB, got \(512, 512, 3\) float64"):
        detector.detect(photo / 255)
    with pytest.raises(ValueError, match="min_score must be between 0 and 1, got 7"):
        FaceLandmarker(min_score=7)
    closed = FaceLandmarker()
    closed.close()
    closed.close()
    with pytest.raises(RuntimeError, match="closed"):
        closed.detect(photo)


def test_users_see_no_log_lines() -> None:
    script = (
        "import sys, shared.landmarker.search as m\n"
        "from skimage.data import astronaut\n"
        "with m.FaceLandmarker() as faces: print(len(faces.detect(astronaut())))\n"
        "print('still here', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=dict(os.environ))
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "still here\n")
