"""A photo: its faces predicted, refined, and written as what people open next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from shared.export.gltf import write_glb
from shared.export.mesh_files import write_obj, write_ply
from shared.export.npz import write_params
from shared.images.cameras import camera_of
from shared.images.decode import Frame, InputError, load_image
from shared.images.encode import write_png
from shared.images.faces import DetectedFace, select
from shared.images.source import InputRef
from shared.landmarker.blendshapes import stack_blendshapes
from shared.quality.gate import Verdict
from shared.quality.measures import HeadMeasures
from shared.records.tensor_record import stack
from shared.render.overlay import overlay
from student.head.decoder import StudentHeads
from student.head.predictor import found_blendshapes
from student.inference.report import InputReport
from student.inference.tools import Tools


def run_photo(ref: InputRef, out: Path, tools: Tools) -> InputReport:
    """Predict the faces of a photo; write overlay.png, meshes, params.npz. StorageError if a file cannot be written."""
    try:
        frame = load_image(ref.path, ref.id, ref.index)
    except InputError as error:
        return InputReport(ref.id, ref.path, ref.kind, "failed", error.reason, found=0)
    faces = select(tools.detector.detect(frame.image), tools.config.faces)
    if not faces:
        return InputReport(ref.id, ref.path, ref.kind, "no face", "no face was found", found=0)
    heads = heads_of(frame, faces, tools)
    verdicts = tools.judge(heads, torch.from_numpy(np.stack([face.landmarks_px for face in faces])))
    files = _write(frame, heads, faces, verdicts, out, tools)
    names = tuple(str(path) for path in files)
    median = float(np.median([one.measures.landmark_error for one in verdicts]))
    doubtful = "; ".join(failure.reason for one in verdicts for failure in one.failures)
    return InputReport(
        ref.id,
        ref.path,
        ref.kind,
        "doubtful" if doubtful else "done",
        doubtful or None,
        found=len(faces),
        landmark_error=median,
        files=names,
    )


def heads_of(frame: Frame, faces: list[DetectedFace], tools: Tools) -> StudentHeads:
    """(N) heads, refined if the options say so."""
    predictor, decoder = tools.predictor, tools.predictor.decoder
    landmarks = torch.from_numpy(np.stack([face.landmarks_px for face in faces]))
    blendshapes = found_blendshapes(faces)
    camera = stack([camera_of(frame, tools.config)] * len(faces))
    with torch.inference_mode():
        crop = predictor.crop(landmarks)
        inputs = predictor.inputs([frame.image] * len(faces), crop, landmarks, camera, blendshapes)
        output = predictor.network(inputs)
        heads = decoder.decode(output, crop, camera)
        if tools.refine is None:
            return heads
        return decoder.moved(heads, tools.refine(heads.initial, landmarks))


def _write(
    frame: Frame,
    heads: StudentHeads,
    faces: list[DetectedFace],
    verdicts: Sequence[Verdict[HeadMeasures]],
    out: Path,
    tools: Tools,
) -> list[Path]:
    """As `teacher/fit.py` does; returns the files."""
    assets, one = tools.model.assets, tools.config.faces == "largest"
    files: list[Path] = []
    if tools.config.overlay:
        image = frame.image
        depth_m = heads.camera.world_to_cam(heads.verts_m)[..., 2].mean(1)
        for row in depth_m.argsort(descending=True).tolist():  # the farthest first
            image = overlay(image, heads.verts_m[row], assets.faces, heads.camera[row], assets)
        files.append(write_png(out / "overlay.png", image))
    for row, verts in enumerate(heads.verts_m):
        stem = out / ("head" if one else f"head_{row}")
        files += [
            write_ply(stem.with_suffix(".ply"), verts, assets.faces),
            write_obj(stem.with_suffix(".obj"), verts, assets),
            write_glb(stem.with_suffix(".glb"), verts, assets),
        ]
    extra = {
        "head": np.array(assets.name),
        "head_id": np.array(assets.head_id),
        "quality": np.array([one.quality for one in verdicts], np.float32),
        "detector_score": np.array([face.detector_score for face in faces], np.float32),
        "presence": np.array([face.presence for face in faces], np.float32),
        "landmark_error": np.array([one.measures.landmark_error for one in verdicts], np.float32),
        "detected_landmarks_px": np.stack([face.landmarks_px for face in faces]),
        "mesh_landmarks_px": heads.mesh_landmarks_px.numpy(),
    }
    blendshapes = stack_blendshapes(faces)
    if blendshapes is not None:
        extra["blendshapes"] = blendshapes
    params, camera = (heads.params[0], heads.camera[0]) if one else (heads.params, heads.camera)
    return [*files, write_params(out / "params.npz", params, camera, extra)]
