"""The seven landmarks and the skin of the open head and of FLAME's side files."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.evaluate.faces import (
    FaceMesh,
    TrueFace,
    evaluation_skin,
    now_embedding,
    now_landmarks,
    skin_samples,
)
from shared.evaluate.metrics import score_face
from shared.flame.assets import load_flame
from shared.flame.schema import FlameAssets, LandmarkEmbedding
from shared.geometry.meshes import face_normals


@pytest.fixture(scope="module")
def head() -> FlameAssets:
    return load_flame()


def test_now_order_on_the_open_head(head: FlameAssets) -> None:
    places = 1e3 * now_landmarks(head.v_template, head)
    right_outer, right_inner, left_inner, left_outer, below_nose, right_mouth, left_mouth = places
    # x is the subject's left: the eyes come from the subject's right to the left.
    assert right_outer[0] < right_inner[0] < -5 < 5 < left_inner[0] < left_outer[0]
    assert right_mouth[0] < -15 < 15 < left_mouth[0]
    assert abs(below_nose[0]) < 0.5
    eyes, mouth = places[:4, 1], places[5:, 1]
    assert eyes.min() > below_nose[1] + 20 > mouth.max() + 20
    assert below_nose[2] > places[:4, 2].max() + 20  # the nose stands out


def test_every_landmark_set_gives_the_same_seven(head: FlameAssets) -> None:
    whole = head.landmarks["ibug68"]
    inner = LandmarkEmbedding(whole.face_index[17:], whole.barycentric[17:])
    mediapipe = head.landmarks["mediapipe"]
    part = torch.tensor([2, 291, 61, 263, 362, 133, 33, 5])
    indexed = LandmarkEmbedding(mediapipe.face_index[part], mediapipe.barycentric[part], part)
    expected = now_landmarks(head.v_template, head)
    for sets in ({"ibug51": inner}, {"mediapipe": mediapipe}, {"mediapipe105": indexed}):
        assert torch.allclose(now_landmarks(head.v_template, replace(head, landmarks=sets)), expected, atol=1e-3)
    lacking = LandmarkEmbedding(indexed.face_index[1:], indexed.barycentric[1:], part[1:])
    with pytest.raises(KeyError, match="no NoW landmarks; its sets: mediapipe105"):
        now_embedding(replace(head, landmarks={"mediapipe105": lacking}))


def test_skin_is_the_face_without_its_openings(head: FlameAssets) -> None:
    skin = evaluation_skin(head)
    for name in ("eyes", "mouth_interior", "sockets", "teeth", "tongue", "neck", "scalp", "ears"):
        assert not (skin & head.region(name)).any(), name
    for name in ("lips", "lids", "nose"):
        assert (skin & head.region(name)).sum() > 0.9 * head.region(name).sum(), name
    assert head.v_template[skin, 2].min() > 0  # nothing from behind the ears
    # A face that reaches into other regions is cut back.
    wide = {**head.regions, "face": torch.ones_like(skin)}
    cut = evaluation_skin(replace(head, regions=wide))
    assert not (cut & (head.region("eyes") | head.region("scalp") | head.region("neck"))).any()
    with pytest.raises(KeyError, match="face"):
        evaluation_skin(replace(head, regions={}))


def test_samples_are_even_and_on_skin(head: FlameAssets) -> None:
    samples = skin_samples(head, 20_000)
    assert evaluation_skin(head)[head.faces[samples.face_index]].all()
    assert torch.allclose(samples.barycentric.sum(1), torch.ones(20_000).double())
    assert samples.barycentric.min() >= 0
    areas = face_normals(head.v_template, head.faces, normalise=False).norm(dim=1)
    chosen = torch.bincount(samples.face_index, minlength=len(head.faces))
    share = areas * evaluation_skin(head)[head.faces].all(1)
    assert (chosen - 20_000 * share / share.sum()).abs().max() < 2.01
    assert torch.equal(samples.face_index, skin_samples(head, 20_000).face_index)
    assert not torch.equal(samples.face_index, skin_samples(head, 20_000, seed=1).face_index)


def test_a_head_against_itself_and_against_another(head: FlameAssets) -> None:
    samples = skin_samples(head, 3000)
    truth = TrueFace.of_head(head.v_template, head, samples)
    same = score_face(truth, FaceMesh.of_head(head.v_template, head)).by_landmarks
    assert same.l2_mm < 1e-4
    assert same.recall_1 == 1.0
    assert same.normal_cosine > 0.9999
    other = score_face(truth, FaceMesh.of_head(head.v_template + head.shapedirs[..., 0], head))
    assert 0.3 < other.by_icp.l2_mm < other.by_landmarks.l2_mm < 10
