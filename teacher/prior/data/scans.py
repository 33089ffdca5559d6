"""A user's own registered scans as training data; the folder's format is in docs/scans.md."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from shared.runs.errors import UserError
from shared.scans.errors import ScanError
from shared.scans.manifest import MANIFEST, ScanManifest
from shared.scans.numbers import read_camera, read_points
from shared.scans.pictures import FILES, SUFFIXES, Size, read_image, read_normals, read_plane, read_uv
from teacher.prior.data.face_view import SHOWS_HEAD, FaceView, SampleError
from teacher.prior.records import N_PARTS, UNKNOWN_PART


@dataclass(frozen=True)
class ScannedFaces:
    """The scans of a folder, in the order of their paths. Nothing but the manifest is read at first."""

    folders: tuple[Path, ...]
    normals: Literal["camera", "head"]  # frame of the stored normals
    n_points: int  # vertices whose pixels a run trains, all unknown here

    @staticmethod
    def open(root: Path, head_id: str, n_points: int) -> ScannedFaces:
        """UserError if the manifest is missing or of another kind or head, or if there are no scans."""
        manifest = ScanManifest.read(root)
        if manifest.normals is None:
            raise UserError(f'{root / MANIFEST} has "normals": null; give "camera" or "head"')
        if manifest.head_id != head_id:
            raise UserError(f"{root / MANIFEST} is of the head {manifest.head_id}, the run's head is {head_id}")
        folders = {path.parent for path in root.rglob("*") if path.stem in FILES and path.suffix in SUFFIXES}
        if not folders:
            raise UserError(f"no scans in {root}: each needs a folder with image, normal, uv and mask, docs/scans.md")
        return ScannedFaces(tuple(sorted(folders)), manifest.normals, n_points)

    def __len__(self) -> int:
        return len(self.folders)

    def name(self, index: int) -> str:
        """The folder."""
        return str(self.folders[index])

    def view(self, index: int, epoch: int = 0) -> FaceView:
        """One scan, the same in each epoch. SampleError, which names the file, if it cannot be used."""
        try:
            return self._view(self.folders[index]).check()
        except ScanError as error:
            raise SampleError(str(error)) from error

    def _view(self, folder: Path) -> FaceView:
        image = read_image(folder)
        size = image.shape[:2]
        normal, uv = read_normals(folder, size), read_uv(folder, size)
        mask, part = read_plane(folder / "mask.png", size) > 0, _part(folder / "part.png", size)
        valid = mask & (SHOWS_HEAD[part] | (part == UNKNOWN_PART)) & (np.linalg.norm(normal, axis=2) > 0.5)
        rows, columns = np.nonzero(mask)
        if not len(rows):
            raise ScanError("mask.png is empty")
        outline = [[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]]
        found = read_camera(folder / "camera.json", size)
        T_cam_head = found.T_cam_head
        depth_m = float(T_cam_head[2, 3]) if T_cam_head is not None else 0.0
        n = self.n_points
        return FaceView(
            image=image,
            normal=normal,
            normal_frame=self.normals,
            uv=uv,
            valid=valid,
            hidden=np.zeros_like(valid),
            part=part,
            camera=found.camera,
            R_cam_head=None if T_cam_head is None else T_cam_head[:3, :3],
            points_px=torch.zeros(n, 2),
            points_visible=torch.zeros(n, dtype=torch.bool),
            points_known=torch.zeros(n, dtype=torch.bool),
            px_per_m=float(found.camera.focal_px[0]) / depth_m if depth_m > 0 else 0.0,
            outline_px=torch.tensor(outline, dtype=torch.float32),
            detected_px=read_points(folder / "landmarks.json", "landmarks_px", (478, 2)),
        )


def _part(path: Path, size: Size) -> np.ndarray:
    if not path.exists():
        return np.full(size, UNKNOWN_PART, np.uint8)
    part = read_plane(path, size)
    if ((part >= N_PARTS) & (part != UNKNOWN_PART)).any():
        raise ScanError(f"part.png holds values other than 0 to {N_PARTS - 1} and {UNKNOWN_PART}")
    return part
