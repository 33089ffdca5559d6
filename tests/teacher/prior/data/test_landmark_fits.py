"""Heads fitted to portraits' landmarks: kept, made anew for others, shown alike in training and prediction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from shared.geometry.face_crop import face_crop
from shared.synthetic.storage.shards import StoredPortraits
from teacher.config import CompactConfig, PriorDataConfig, PriorTrainConfig
from teacher.evidence.records import FaceEvidence
from teacher.fitting.initial_heads import StartHeads
from teacher.prior.data import landmark_fits as module
from teacher.prior.data.landmark_fits import landmark_fits
from teacher.prior.data.sources import Source, StoredFaces, build_source
from teacher.prior.geometry.mirror import Mirror
from teacher.prior.records import PriorSample
from tests.teacher.prior.data.plain_portrait import SIZE, detection, head, mirror, portrait, vertices, write_portraits


@pytest.fixture(autouse=True)
def one_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    found = mirror()
    monkeypatch.setattr(Mirror, "of", staticmethod(lambda _assets: found))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("portraits")
    write_portraits(root, range(6))
    return root


def test_fits_lie_on_their_portraits(folder: Path) -> None:
    fits = landmark_fits(folder, StoredPortraits(folder), head())
    assert fits.found.tolist() == [True, False, True, True, True, True]
    for index in (0, 2, 5):
        truth = portrait(index).truth
        found = fits.of(index, truth.camera)
        assert found is not None
        params, camera = found
        face = head().assets.region("face")
        with torch.no_grad():
            mine, true = (
                one.project(head()(p).verts_m[face]) for p, one in ((params, camera), (truth.params, truth.camera))
            )
        assert (mine - true).norm(dim=1).mean() < 0.04 * SIZE
        assert not torch.equal(camera.focal_px, truth.camera.focal_px)  # of photos it is a guess
    assert fits.of(1, portrait(1).truth.camera) is None


def test_they_are_made_once_and_anew_for_other_portraits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = landmark_fits(folder, StoredPortraits(folder), head())
    monkeypatch.setattr(module, "fit_landmarks", lambda *_: pytest.fail("fitted again"))
    again = landmark_fits(folder, StoredPortraits(folder), head())
    assert torch.equal(first.params.shape, again.params.shape)
    write_portraits(folder, range(6, 7), shard=1)
    with pytest.raises(pytest.fail.Exception, match="fitted again"):
        landmark_fits(folder, StoredPortraits(folder), head())


def test_a_network_is_shown_the_same_in_training_and_prediction(tmp_path: Path) -> None:
    """But for the fit itself, which in training is given another focal length and another noise."""
    write_portraits(tmp_path, range(3))
    config = PriorTrainConfig(
        out="",
        compact=CompactConfig(backbone="face_landmarks", start="fit", size=SIZE),
        data=PriorDataConfig(portraits=(str(tmp_path),), landmark_share=1.0),
    )
    samples = build_source(config, vertices(), head().assets)
    faces, camera = samples.faces[0], portrait(2).truth.camera
    assert isinstance(faces, StoredFaces)
    starts = StartHeads.of(head(), vertices())
    face = FaceEvidence(detection(portrait(2)).landmarks_px, camera, blendshapes=detection(portrait(2)).blendshapes)
    known = replace(
        faces.fits, params=starts.fitter.fit(_one(face)).params[[0, 0, 0]], focal_px=camera.focal_px.expand(3, 2)
    )  # type: ignore[type-var]
    exact = Source([replace(faces, fits=known)], replace(samples.maker, augment=None), 0)
    shown = exact[2]
    assert isinstance(shown, PriorSample)
    crop = face_crop(face.landmarks_px, SIZE)
    (given,) = starts.inputs([face], [crop], [portrait(2).image])
    torch.testing.assert_close(shown.input.landmark_maps, given.landmark_maps, atol=1e-4, rtol=0)
    torch.testing.assert_close(shown.input.points_px, given.points_px, atol=1e-3, rtol=0)
    torch.testing.assert_close(shown.input.landmarks_px, given.landmarks_px, atol=1e-3, rtol=0)
    assert (shown.input.image - given.image).abs().mean() < 0.02  # jpeg
    hidden = exact[1]
    assert isinstance(hidden, PriorSample)  # no landmarks were found there
    assert not hidden.input.has_landmarks
    assert hidden.input.points_px is not None
    assert not hidden.input.points_px.any()


def _one(face: FaceEvidence) -> FaceEvidence:
    return face.map(lambda tensor: tensor[None])
