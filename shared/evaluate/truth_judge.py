"""One picture with truth: run the method, score it, keep what the report needs."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from shared.evaluate.faces import skin_samples
from shared.evaluate.heat_maps import HeatPainter
from shared.evaluate.previews import write_truth_preview
from shared.evaluate.protocol import Method, Picture, attempt
from shared.evaluate.rows import TASKS, Row, image_sha, numbers_of
from shared.evaluate.run_folder import RunFolder
from shared.evaluate.score import PictureScore, score_picture
from shared.evaluate.truth_set import TrueHead, TruthSet
from shared.files import write_atomically
from shared.provenance import git_sha


class TruthJudge:
    """Scores meshes against the truth."""

    def __init__(self, method: Method, pictures: TruthSet, know_camera: bool, folder: RunFolder) -> None:
        self.method, self.pictures, self.know_camera, self.folder = method, pictures, know_camera, folder
        self.samples = skin_samples(pictures.model.assets)
        self.painter = HeatPainter(pictures.model.assets, self.samples)

    def __call__(self, index: int) -> Row:
        """Score the picture at this place of the set, and write its distances and preview."""
        item = self.pictures.item(index)
        truth = TrueHead.of(item, self.pictures.model, self.samples)
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
            facts=asdict(item.facts),
        )
        score = None if tried.found is None else score_picture(tried.found, item, truth)
        write_truth_preview(self.folder.preview_path(index), item, truth, tried.found, score, self.painter)
        if score is None:
            return row
        self._keep_distances(index, score)
        scores = {task: numbers_of(one) for task, one in score.tasks.items()}
        return replace(row, state="scored", scores=scores, landmark_error=score.landmark_error)

    def _keep_distances(self, index: int, score: PictureScore) -> None:
        values = np.full((len(TASKS), len(self.samples.face_index)), np.nan, np.float16)
        for task, one in score.tasks.items():
            values[TASKS.index(task)] = one.by_landmarks.distance_mm.clamp_max(1e4).numpy()
        write_atomically(self.folder.distances_path(index), lambda path: np.save(path, values))
