"""One picture with truth: run the method, score it, keep what the report needs."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from shared.evaluate.faces import TrueFace, skin_samples
from shared.evaluate.heat_maps import Places
from shared.evaluate.previews import write_truth_preview
from shared.evaluate.protocol import Method, Picture, attempt
from shared.evaluate.rows import TASKS, Row, image_sha, numbers_of
from shared.evaluate.run_folder import RunFolder
from shared.evaluate.score import PictureScore, score_picture
from shared.evaluate.truth_set import TrueHead, TruthSet
from shared.runs.files import write_atomically
from shared.runs.provenance import git_sha


class TruthJudge:
    """Scores meshes against the truth."""

    def __init__(self, method: Method, pictures: TruthSet, know_camera: bool, folder: RunFolder) -> None:
        self.method, self.pictures, self.know_camera, self.folder = method, pictures, know_camera, folder
        self.places = Places(pictures.head, skin_samples(pictures.head), pictures.of_samples)

    def __call__(self, index: int) -> Row:
        """Score the picture at this place of the set, and write its distances and preview."""
        item = self.pictures.item(index)
        id, camera = self.pictures.ids[index], item.camera if self.know_camera else None
        tried = attempt(self.method, Picture(id, item.image, camera))
        row = Row(
            id=id,
            index=index,
            state="failed" if tried.reason else "no face",
            reason=tried.reason,
            image_sha=image_sha(item.image),
            seconds=tried.seconds,
            git_sha=git_sha(),
            facts=dict(item.facts),
        )
        score = None if tried.found is None else score_picture(tried.found, item.truth)
        write_truth_preview(self.folder.preview_path(index), item, tried.found, score)
        if score is None:
            return row
        self._keep_distances(index, item.truth, score)
        scores = {task: numbers_of(one) for task, one in score.tasks.items()}
        motion = None if score.motion is None else {name: asdict(one) for name, one in score.motion.items()}
        return replace(row, state="scored", scores=scores, landmark_error=score.landmark_error, motion=motion)

    def _keep_distances(self, index: int, truth: TrueHead, score: PictureScore) -> None:
        values = np.full((len(TASKS), self.places.count), np.nan, np.float16)
        faces: dict[str, TrueFace | None] = {"posed": truth.posed, "neutral": truth.neutral}
        for task, one in score.tasks.items():
            face = faces[task]
            assert face is not None
            values[TASKS.index(task)] = self.places.at_samples(
                face, one.by_landmarks.distance_mm.clamp_max(1e4)
            ).numpy()
        write_atomically(self.folder.distances_path(index), lambda path: np.save(path, values))
