"""Photos have no truth: how far a method's landmarks are from those of MediaPipe, and nothing more.

Detectors disagree with each other by 4.6 to 5 % of the eye distance on photographs, so agreement below that says
nothing of accuracy; and a method that is fitted to MediaPipe's landmarks agrees by construction. What the figure does
show is gross failure: a wrong face, a wrong pose, a mesh that has slipped.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from shared.evaluate.previews import write_photo_preview
from shared.evaluate.protocol import Method, Picture, attempt
from shared.evaluate.rows import Row, image_sha
from shared.evaluate.run_folder import RunFolder
from shared.evaluate.score import inner_landmark_error
from shared.geometry.camera import Camera
from shared.images.decode import Frame, ImageError, load_image
from shared.images.faces import FaceDetector, select
from shared.images.source import InputRef
from shared.runs.provenance import git_sha

WORTH = (
    "Agreement with MediaPipe's landmarks is not accuracy: detectors disagree with each other by 4.6 to 5 % of the eye "
    "distance, and a method built on MediaPipe's landmarks agrees by construction. It shows gross failures."
)


def picture_of(frame: Frame, know_camera: bool) -> Picture:
    """A photo as a method gets it: with the camera only where it may know it and EXIF holds the focal length."""
    focal_px = frame.focal_px if know_camera else None
    camera = None if focal_px is None else Camera.at_origin(torch.tensor(focal_px), frame.size)
    return Picture(frame.id, frame.image, camera)


class PhotoJudge:
    """Compares landmarks with those of a detector."""

    def __init__(
        self, method: Method, photos: list[InputRef], detector: FaceDetector, know_camera: bool, folder: RunFolder
    ) -> None:
        self.method, self.photos, self.detector = method, photos, detector
        self.know_camera, self.folder = know_camera, folder

    def __call__(self, index: int) -> Row:
        """Judge the photo at this place of the list, and write its preview."""
        ref = self.photos[index]
        try:
            frame = load_image(ref.path, ref.id, ref.index)
        except ImageError as error:
            return Row(ref.id, index, "failed", f"unreadable: {error.reason}", git_sha=git_sha())
        tried = attempt(self.method, picture_of(frame, self.know_camera))
        faces = select(self.detector.detect(frame.image), "largest")
        reference = torch.from_numpy(faces[0].landmarks_px) if faces else None
        row = Row(
            ref.id,
            index,
            state="failed" if tried.reason else "no face" if tried.found is None else "scored",
            reason=tried.reason,
            image_sha=image_sha(frame.image),
            seconds=tried.seconds,
            git_sha=git_sha(),
        )
        found_px = None if tried.found is None else tried.found.landmarks_px
        if reference is None:
            row = replace(row, reason=row.reason or "MediaPipe finds no face to compare with")
        else:
            row = replace(row, landmark_error=inner_landmark_error(found_px, reference))
        write_photo_preview(self.folder.preview_path(index), frame.image, found_px, reference)
        return row
