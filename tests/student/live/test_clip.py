from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from shared.export.npz import read_params
from shared.images.decode import Frame
from shared.images.source import InputRef
from shared.images.video import VideoError
from student.head.predictor import Predictor
from student.inference.clip import run_clip
from student.inference.report import InputReport, finished, keep
from student.live.smoothing import HeadSmoother
from student.live.stages import Durations, StageTimes
from student.live.stream import STAGES
from student.network.records import StudentInput
from tests.student.live.scenes import (
    RATE_HZ,
    TrueDetector,
    TrueNetwork,
    camera,
    frames_of,
    landmarks_of,
    model,
    moving,
    tools,
)

COUNT = 24
CLIP = InputRef("video", "clip.mp4", "clip.mp4")
CAMERA = InputRef("camera", "0", "camera0")
TRUTH = moving(COUNT)


def run(
    out: Path,
    frames: Iterator[Frame] | None = None,
    ref: InputRef = CLIP,
    without: range = range(0),
    landmarks: bool = True,
    **options: object,
) -> InputReport:
    """A clip whose face is hidden in some frames."""
    faces = [[] if n in without else [marks] for n, marks in enumerate(landmarks_of(TRUTH))]
    parts = tools(TrueNetwork(TRUTH, landmarks), TrueDetector(faces), **options)
    return run_clip(ref, out, parts, frames or iter(frames_of(COUNT)))


@pytest.mark.parametrize("landmarks", [True, False])
def test_the_truth_comes_through(tmp_path: Path, landmarks: bool) -> None:
    report = run(tmp_path, landmarks=landmarks, smooth=False, overlay=False)
    assert (report.state, report.frames, report.found, report.dropped) == ("done", COUNT, COUNT, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.npz"]
    found, cameras = read_params(tmp_path / "params.npz")
    assert cameras.focal_px.shape == (COUNT, 2)
    posed, true = model()(found).verts_m, model()(TRUTH).verts_m
    # The pixels of the stub say where a crop is to a tenth of a pixel, which is 2 mm wide here.
    assert float((posed - true).norm(dim=-1).max()) < 3e-4
    assert float((found.expression - TRUTH.expression).abs().max()) < 1e-5
    with np.load(tmp_path / "params.npz", allow_pickle=False) as arrays:
        assert arrays["frame"].tolist() == list(range(COUNT))
        np.testing.assert_allclose(arrays["time_s"], np.arange(COUNT) / RATE_HZ)
        assert arrays["tracked"].all()
        assert arrays["follows"].tolist() == [False] + [True] * (COUNT - 1)
        np.testing.assert_allclose(arrays["mesh_landmarks_px"], landmarks_of(TRUTH), atol=0.2)
        seen = np.isfinite(arrays["landmark_error"])
        assert seen.all() if landmarks else seen.tolist() == [True] + [False] * (COUNT - 1)


def test_without_landmarks_a_network_that_takes_them_leads_itself(tmp_path: Path) -> None:
    detector = TrueDetector([[marks] for marks in landmarks_of(TRUTH)])
    parts = tools(TrueNetwork(TRUTH, True), detector, landmarks=False, smooth=False, overlay=False)
    report = run_clip(CLIP, tmp_path, parts, iter(frames_of(COUNT)))
    assert (report.state, report.found) == ("done", COUNT)
    assert (detector.searched, len(detector.followed)) == ([0], (COUNT - 1) // 10)


@pytest.mark.parametrize("landmarks", [True, False])
def test_a_head_that_is_not_finite_is_none_and_none_follows_from_it(tmp_path: Path, landmarks: bool) -> None:
    jaw = TRUTH.jaw.clone()
    jaw[7] = torch.nan
    network = TrueNetwork(replace(TRUTH, jaw=jaw), landmarks)
    detector = TrueDetector([[marks] for marks in landmarks_of(TRUTH)])
    report = run_clip(CLIP, tmp_path, tools(network, detector, overlay=False), iter(frames_of(COUNT)))
    assert (report.frames, report.found) == (COUNT, COUNT - 1)
    with np.load(tmp_path / "params.npz", allow_pickle=False) as arrays:
        assert (~arrays["tracked"]).nonzero()[0].tolist() == [7]
        assert (~arrays["follows"]).nonzero()[0].tolist() == [0, 7, 8]


def test_one_that_sees_landmarks_alone_needs_them() -> None:
    network = TrueNetwork(TRUTH, True)
    network.spec = replace(network.spec, config=replace(network.spec.config, backbone="none"))
    with pytest.raises(ValueError, match="sees landmarks alone: leave out landmarks=false"):
        Predictor(network, model(), landmarks=False)


def test_looking_ahead_changes_nothing(tmp_path: Path) -> None:
    ahead = run(tmp_path / "file", overlay=False, smooth=False)
    in_turn = run(tmp_path / "camera", overlay=False, smooth=False, realtime=True)  # a frame at a time
    assert ahead.found == in_turn.found + in_turn.dropped == COUNT
    output, other = (read_params(tmp_path / name / "params.npz")[0] for name in ("file", "camera"))
    with np.load(tmp_path / "camera" / "params.npz", allow_pickle=False) as arrays:
        same = torch.from_numpy(arrays["frame"])  # a camera drops what it cannot show in time
    for name, value in vars(other).items():
        torch.testing.assert_close(getattr(output, name)[same], value)


def test_lost_frames_are_marked_and_keep_the_last_head(tmp_path: Path) -> None:
    report = run(tmp_path, without=range(6, 12), overlay=False)
    assert (report.state, report.frames, report.found) == ("done", COUNT, COUNT - 6)
    assert report.as_json()["lost"] == 6
    with np.load(tmp_path / "params.npz", allow_pickle=False) as arrays:
        assert (~arrays["tracked"]).nonzero()[0].tolist() == list(range(6, 12))
        assert (arrays["translation"][6:12] == arrays["translation"][5]).all()
        assert (~arrays["follows"]).nonzero()[0].tolist() == [0, *range(6, 13)]


def test_overlay_and_meshes(tmp_path: Path) -> None:
    report = run(tmp_path, without=range(3), meshes=True)
    assert {Path(name).name for name in report.files} >= {"overlay.mp4", "params.npz", "000003.ply"}
    assert sorted(path.name for path in (tmp_path / "meshes").iterdir()) == [f"{n:06d}.ply" for n in range(3, COUNT)]
    video = cv2.VideoCapture(str(tmp_path / "overlay.mp4"))
    frames = [video.read()[1] for _ in range(COUNT)]
    assert not video.read()[0]
    plain = frames_of(COUNT)
    changed = [np.abs(f[..., ::-1].astype(int) - p.image).mean() for f, p in zip(frames, plain, strict=True)]
    assert min(changed[3:]) > 2 * max(changed[:3])  # which the encoder changes a little
    assert {"draw", "write", "network", "latency"} <= set(report.stages)


def broken() -> Iterator[Frame]:
    yield from frames_of(10)
    raise VideoError("clip.mp4", "ends after 10 of 24 frames: the file is damaged or cut off")


def interrupted() -> Iterator[Frame]:
    yield from frames_of(10)
    raise KeyboardInterrupt


def test_what_was_told_before_a_failure_is_kept(tmp_path: Path) -> None:
    for source, said in ((broken(), "ends after 10 of 24"), (interrupted(), "stopped by the user")):
        report = run(tmp_path, source)
        assert report.state == "partial"
        assert report.reason is not None
        assert said in report.reason
        assert report.found == 10
        assert len(read_params(tmp_path / "params.npz")[0].jaw) == 10
        assert int(cv2.VideoCapture(str(tmp_path / "overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT)) == 10
    assert report.interrupted


def test_nothing_to_see(tmp_path: Path) -> None:
    empty = run(tmp_path / "empty", iter([]))
    assert (empty.state, empty.reason) == ("failed", "no frame could be read")
    faceless = run(tmp_path / "faceless", without=range(COUNT))
    assert (faceless.state, faceless.reason) == ("no face", "no face was found in any frame")
    assert not (tmp_path / "faceless" / "params.npz").exists()
    assert (tmp_path / "faceless" / "overlay.mp4").is_file()


def test_a_camera_that_disappears_and_one_that_is_stopped(tmp_path: Path) -> None:
    def frames() -> Iterator[Frame]:
        for frame in frames_of(COUNT):
            taken.append(frame.index)
            yield frame

    taken: list[int] = []
    report = run(tmp_path, frames(), CAMERA)
    assert report.state == "partial"
    assert "camera 0 gives no more frames" in str(report.reason)
    assert report.frames + report.dropped == COUNT
    assert (tmp_path / "params.npz").is_file()
    stopped = run(tmp_path, interrupted(), CAMERA)
    assert (stopped.state, stopped.reason) == ("done", "stopped by the user")


def test_the_video_of_a_camera_keeps_time(tmp_path: Path) -> None:
    slow = [Frame(f.image, f.id, f.path, 4 * f.index / RATE_HZ, None, f.index) for f in frames_of(6)]
    run(tmp_path, iter(slow), CLIP, realtime=True, smooth=False)
    # Six frames, four times apart: 21 frames of the video, whichever of them were dropped before the last.
    assert int(cv2.VideoCapture(str(tmp_path / "overlay.mp4")).get(cv2.CAP_PROP_FRAME_COUNT)) == 21


def test_an_end_that_was_asked_for(tmp_path: Path) -> None:
    report = run(tmp_path, seconds=10.5 / RATE_HZ, overlay=False)
    assert (report.state, report.frames) == ("done", 11)


def test_filters_calm_the_head_and_average_the_person(tmp_path: Path) -> None:
    still = moving(1).map(lambda t: t.expand(COUNT, *t.shape[1:]))
    found = {}
    for smooth in (False, True):
        detector = TrueDetector([[marks] for marks in landmarks_of(still)])
        parts = tools(TrueNetwork(still, True, noise=0.005), detector, smooth=smooth, overlay=False)
        run_clip(CLIP, tmp_path, parts, iter(frames_of(COUNT)))
        found[smooth] = read_params(tmp_path / "params.npz")[0]
    calm = {s: float(model()(p).verts_m.diff(2, dim=0).norm(dim=-1).mean()) for s, p in found.items()}
    assert calm[True] < 0.4 * calm[False]
    assert float((found[True].shape[-1] - still.shape[0]).norm()) < 0.5 * float(
        (found[False].shape - still.shape).norm(dim=1).mean()
    )


def test_the_person_is_kept_through_a_loss_unless_another_comes(tmp_path: Path) -> None:
    other = moving(COUNT)
    shape = other.shape.clone()
    shape[12:] = -shape[12:]
    network = TrueNetwork(type(other)(**{**vars(other), "shape": shape}), True)
    detector = TrueDetector([[] if n in (10, 11) else [marks] for n, marks in enumerate(landmarks_of(other))])
    run_clip(CLIP, tmp_path, tools(network, detector, overlay=False), iter(frames_of(COUNT)))
    found = read_params(tmp_path / "params.npz")[0].shape
    torch.testing.assert_close(found[:10], shape[:10])
    torch.testing.assert_close(found[12:], shape[12:])  # and not the mean of two people


def test_stages_in_constant_memory() -> None:
    durations = Durations()
    for ms in np.random.default_rng(0).permutation(np.linspace(1, 100, 1000)):
        durations.add(ms / 1e3)
    assert durations.percentile_ms(50) == pytest.approx(50, rel=0.03)
    assert durations.percentile_ms(95) == pytest.approx(95, rel=0.03)
    times = StageTimes(*STAGES)
    for _ in range(2):
        for _ in range(3):
            with times("track"):
                pass
        times.end_frame()
    assert times.as_json()["track"]["count"] == 2


def test_finished_inputs_are_known_by_what_they_depend_on(tmp_path: Path) -> None:
    report = InputReport("a.jpg", "x/a.jpg", "photo", "done", found=1, files=("a", "b"))
    assert finished(tmp_path, "key") is None
    keep(tmp_path, "key", report)
    assert finished(tmp_path, "key") == report
    assert finished(tmp_path, "other") is None
    (tmp_path / "result.json").write_text(json.dumps([]))
    assert finished(tmp_path, "key") is None


def test_the_smoother_starts_anew_after_a_gap() -> None:
    parts = tools(TrueNetwork(TRUTH, True), TrueDetector([]))
    smoother = HeadSmoother(parts.config.filters)
    image = torch.from_numpy(frames_of(20)[15].image)[:128, :128].permute(2, 0, 1)[None] / 255
    units, there = torch.full((1, 52), 0.1), torch.ones(1).bool()
    output = parts.predictor.network(
        StudentInput(image, torch.zeros(1, 478, 2), there, camera().focal_px[:1], units)
    )  # fmt: skip
    moved = type(output)(**{**vars(output), "anchor_px": output.anchor_px + 0.5})
    smoother(output, 300.0, 0.0)
    assert float((smoother(moved, 300.0, 0.03).anchor_px - moved.anchor_px).abs().max()) > 0.1
    torch.testing.assert_close(smoother(output, 300.0, 2.0).anchor_px, output.anchor_px)
    smoother.restart()
    torch.testing.assert_close(smoother(moved, 300.0, 2.03).anchor_px, moved.anchor_px)
