"""Labels of the teacher as training faces, with their faces cut out of the photos and clips once, before training.

A photo of many megapixels takes longer to decode than the network to train on it; the square around its face does not.
Cut faces are JPEGs in a folder of the run, so that a run that is stopped goes on with those that are there.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from shared.flame.model import FlameModel
from shared.geometry.crop import Crop
from shared.geometry.face_crop import face_crop
from shared.images.decode import InputError, load_image
from shared.images.encode import write_jpeg
from shared.images.source import InputRef, iter_frames
from shared.images.stored import StoredPictureError, read_stored_photo
from shared.labels.shard import RUN_SCHEMA, LabelError, LabelShard, read_labels
from shared.runs.errors import UserError
from shared.runs.files import append_line
from shared.runs.manifest import read_manifest
from student.data.faces import NO_BLENDSHAPES, NO_PICTURE, FaceError, KnownFace
from student.head.pose import FacePose

log = logging.getLogger(__name__)

_ROOM = 1.5  # side of a stored face / side of the network's crop, for crops that are moved and turned
_SHARPNESS = 1.5  # its pixels / those of the crop, for crops that are enlarged


@dataclass(frozen=True, eq=False)
class LabelFaces:
    """The faces of a label run whose pictures are there."""

    folder: Path
    labels: LabelShard
    crops: Crop  # (N) from the picture to the stored face
    files: tuple[Path, ...] | None  # N stored faces; None where no pictures are wanted
    poses: FacePose  # (N)
    persons: Tensor  # (N,) int64: nobody's twice, as labels do not say who is shown

    @staticmethod
    def open(folder: Path, model: FlameModel, anchor_m: Tensor) -> LabelFaces:
        """All labels that can be used, without pictures. UserError if there are none, or of another head or schema."""
        try:
            labels = read_labels(folder)
        except LabelError as error:
            raise UserError(f"labels: {error}") from error
        head = labels.provenance.get("head_id")
        if head != model.assets.head_id:
            raise UserError(f"{folder} holds labels of head {head}, the run's is {model.assets.head_id}: give flame=")
        good = _finite(labels)
        if not len(good):
            raise UserError(f"{folder} holds no label that can be used: {len(labels)} rows, none of them finite")
        if len(good) < len(labels):
            log.warning("%s: %d of %d labels are not finite and left out", folder, len(labels) - len(good), len(labels))
        labels = rows_of(labels, good)
        cameras = labels.cameras
        whole = replace(cameras.camera(0), **{n: getattr(cameras, n) for n in ("focal_px", "center_px", "T_cam_world")})
        poses = FacePose.of(labels.params, whole, model, anchor_m)
        key = int.from_bytes(hashlib.sha256(str(folder.resolve()).encode()).digest()[:6], "big")
        persons = key * 2**14 + torch.arange(len(labels))
        return LabelFaces(folder, labels, face_crop(labels.detected_landmarks_px, 2, 1.0), None, poses, persons)

    def cut(self, pictures: Path | None, store: Path, margin: float, size: int, bad_list: Path) -> LabelFaces:
        """The same with faces stored as pictures in ``store``; without those whose picture is gone, which are listed.

        Args:
            pictures: folder of the pictures; None: where the label run found them.
            store: folder for the faces.
            margin, size: of the network's crop.
            bad_list: file of JSON lines for what cannot be used.

        UserError if no picture can be read.
        """
        crops = face_crop(self.labels.detected_landmarks_px, round(size * _ROOM * _SHARPNESS), margin * _ROOM)
        files = [store / self.folder.name / f"{row:07d}.jpg" for row in range(len(self.labels))]
        missing = [row for row, file in enumerate(files) if not file.exists()]
        known = _where(self.folder, self.labels, missing, pictures)
        bar = tqdm(total=len(missing), desc="cutting faces", unit="face", dynamic_ncols=True, disable=not missing)
        gone: set[int] = set()
        with bar:
            for ref, rows in known:
                gone |= _cut_one(ref, rows, self.labels, crops, files, bad_list)
                bar.update(len(rows))
        kept = torch.tensor([row for row in range(len(files)) if row not in gone], dtype=torch.int64)
        if not len(kept):
            raise UserError(
                f"none of the {len(files)} labelled pictures of {self.folder} can be read, {bad_list} says why: "
                "give data.pictures=FOLDER if they have moved"
            )
        if gone:
            log.warning("%s: %d of %d pictures cannot be read; see %s", self.folder, len(gone), len(files), bad_list)
        chosen = tuple(files[row] for row in kept.tolist())
        return LabelFaces(
            self.folder, rows_of(self.labels, kept), crops[kept], chosen, self.poses[kept], self.persons[kept]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def face(self, index: int, epoch: int = 0) -> KnownFace:
        """FaceError if the stored face cannot be read."""
        labels, crop = self.labels, self.crops[index]
        try:
            image = NO_PICTURE if self.files is None else read_stored_photo(self.files[index])
        except StoredPictureError as error:
            raise FaceError(f"{error}; start the run again to cut it anew") from error
        found = crop.apply(labels.detected_landmarks_px[index])
        return KnownFace(
            image=image,
            camera=labels.cameras.camera(index).warped(crop.affine, crop.size),
            params=labels.params[index],
            pose=self.poses[index],
            outline_px=found,
            found_px=found,
            blendshapes=NO_BLENDSHAPES if labels.blendshapes is None else labels.blendshapes[index],
            confidence=labels.confidence[index],
            weight=float(labels.quality[index]),
            person=int(self.persons[index]),
        )

    def name(self, index: int) -> str:
        """Folder and id."""
        return f"{self.labels.ids[index]} of {self.folder}"


def rows_of(labels: LabelShard, rows: Tensor) -> LabelShard:
    """Some rows (M,) of labels, with their ids."""
    chosen = rows.tolist()
    return replace(
        labels[rows],
        ids=tuple(labels.ids[row] for row in chosen),
        focal_sources=tuple(labels.focal_sources[row] for row in chosen),
    )


def _finite(labels: LabelShard) -> Tensor:
    """(M,) rows without NaN. Files may be written by others than ours."""
    good = torch.ones(len(labels), dtype=torch.bool)

    def look(tensor: Tensor) -> Tensor:
        good.logical_and_(torch.isfinite(tensor).flatten(1).all(1) if tensor.ndim > 1 else torch.isfinite(tensor))
        return tensor

    labels.map(look)
    return good.nonzero()[:, 0]


def _where(
    folder: Path, labels: LabelShard, rows: list[int], pictures: Path | None
) -> Iterator[tuple[InputRef, list[int]]]:
    """Each photo or clip with the rows that are still to be cut from it."""
    manifest = read_manifest(folder, RUN_SCHEMA) if rows else None
    entries = {} if manifest is None else {one["id"]: one for one in manifest["inputs"]}
    wanted: dict[str, list[int]] = {}
    for row in rows:
        name = labels.ids[row].rpartition("#")[0]
        wanted.setdefault(name if name in entries else name.rpartition("/")[0] or name, []).append(row)
    for name, group in wanted.items():
        entry = entries.get(name, {"kind": "photo", "path": str(folder / name)})
        path = entry["path"] if pictures is None else str(pictures / name)
        yield InputRef(entry["kind"], path, name), group


def _cut_one(
    ref: InputRef, rows: list[int], labels: LabelShard, crops: Crop, files: list[Path], bad_list: Path
) -> set[int]:
    """Cut the faces of one photo or clip; the rows that could not be."""
    waiting = {row: labels.ids[row].rpartition("#")[0] for row in rows}
    reason = "no such frame in the clip"
    try:
        frames = [load_image(ref.path, ref.id)] if ref.kind == "photo" else iter_frames(ref)
        for frame in frames:
            for row in [row for row, name in waiting.items() if name == frame.id or ref.kind == "photo"]:
                if tuple(labels.cameras.size[row].tolist()) != frame.size:
                    reason = f"is {frame.size[1]}x{frame.size[0]} pixels, the label's picture had another size"
                    continue
                files[row].parent.mkdir(parents=True, exist_ok=True)
                write_jpeg(files[row], crops[row].sample(frame.image))
                del waiting[row]
            if not waiting:
                break
    except InputError as error:
        reason = str(error)
    for row in waiting:
        append_line(bad_list, json.dumps({"label": labels.ids[row], "reason": reason}))
    return set(waiting)
