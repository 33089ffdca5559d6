"""A user's own scans with pictures, registered or raw, as a set with truth; the folder's format is in docs/scans.md."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from shared.evaluate.faces import N_IBUG, N_NOW, NOW_MEDIAPIPE, TrueFace, skin_samples
from shared.evaluate.groups import YAW, Dimension
from shared.evaluate.mesh_files import MESHES, read_mesh
from shared.evaluate.truth_set import BenchmarkItem, TrueHead, TrueLandmarks, TruthSet, eye_distance_px
from shared.flame.assets import load_flame
from shared.flame.schema import FlameAssets, LandmarkEmbedding
from shared.geometry.camera import Camera
from shared.geometry.meshes import face_normals
from shared.render.rasterizer import rasterize
from shared.runs.errors import UserError
from shared.scans.errors import ScanError
from shared.scans.manifest import MANIFEST, ScanManifest
from shared.scans.numbers import ScanCamera, read_camera, read_points
from shared.scans.pictures import read_image, read_plane

POINTS = 10_000  # of a raw scan
_OUTER_CORNERS, _BELOW_NOSE, _MOUTH = (0, 3), 4, (5, 6)  # of the NoW landmarks
_UNPLACED = "not known"
DIMENSIONS = (
    Dimension(
        YAW.name, (*YAW.labels, _UNPLACED), lambda facts: YAW.label_of(facts) if "yaw_deg" in facts else _UNPLACED
    ),
)


def scan_set(root: Path) -> TruthSet:
    """The scans of a folder, by path. UserError if its manifest cannot be used, or there are none."""
    manifest, head = ScanManifest.read(root), load_flame()
    folders = sorted({path.parent for suffix in MESHES for path in root.rglob(f"scan{suffix}")})
    if not folders:
        raise UserError(
            f"no scans in {root}: each needs a folder with an image and scan.ply or scan.obj, docs/scans.md"
        )
    reader = _Reader(root, manifest, head, skin_samples(head))
    ids = tuple(folder.relative_to(root).as_posix() for folder in folders)
    listing = hashlib.sha256(repr((ids, manifest)).encode()).hexdigest()[:12]
    return TruthSet(
        f"scans-{listing}", ids, lambda index: reader.item(folders[index]), DIMENSIONS, head, of_samples=False
    )


def is_scan_folder(folder: Path) -> bool:
    """Whether a folder says that it holds scans."""
    return (folder / MANIFEST).is_file()


@dataclass(frozen=True, eq=False)
class _Reader:
    root: Path
    manifest: ScanManifest
    head: FlameAssets
    samples: LandmarkEmbedding  # of skin, for meshes of this head

    def item(self, folder: Path) -> BenchmarkItem:
        """One picture. ScanError or MeshFileError, which name the file, if it cannot be used."""
        image = read_image(folder)
        found = read_camera(folder / "camera.json", image.shape[:2])
        camera, placed = found.camera, found.T_cam_scan is not None
        if found.T_cam_scan is not None:
            camera = Camera(camera.focal_px, camera.center_px, found.T_cam_scan, camera.size)
        posed = self._face(folder, "scan", "", (found, folder / "mask.png"))
        facts: dict[str, str | float] = {
            "person": folder.relative_to(self.root).parts[0] if folder != self.root else ""
        }
        landmarks = None
        if placed:
            corners = posed.landmarks_m[list(_OUTER_CORNERS)]
            places = camera.project(posed.landmarks_m)
            landmarks = TrueLandmarks(NOW_MEDIAPIPE, places, eye_distance_px(corners, camera))
            facts["yaw_deg"] = yaw_deg(camera.world_to_cam(posed.landmarks_m))
        truth = TrueHead(posed, self._neutral(folder), landmarks)
        known = camera if (folder / "camera.json").exists() else None
        return BenchmarkItem(image, known, truth, facts, placed)

    def _neutral(self, folder: Path) -> TrueFace | None:
        """From the nearest folder above, up to the root, that has one."""
        for place in (folder, *folder.parents):
            if any((place / f"neutral{suffix}").exists() for suffix in MESHES):
                return self._face(place, "neutral", "neutral_", None)
            if place == self.root:
                return None
        return None

    def _face(self, folder: Path, stem: str, prefix: str, picture: tuple[ScanCamera, Path] | None) -> TrueFace:
        path = next(folder / f"{stem}{suffix}" for suffix in MESHES if (folder / f"{stem}{suffix}").exists())
        unit = self.manifest.metres
        values, triangles = read_mesh(path)
        verts, faces = torch.from_numpy(values * unit).float(), torch.from_numpy(triangles)
        if self.manifest.head_id == self.head.head_id and len(verts) == self.head.n_vertices:
            return TrueFace.of_head(verts, self.head, self.samples)
        landmarks = read_points(folder / f"{prefix}now7.json", "landmarks", (N_NOW, 3))
        if landmarks is None:
            raise ScanError(f"{prefix}now7.json is missing: {path.name} is no mesh of the open head")
        ibug68 = read_points(folder / f"{prefix}ibug68.json", "landmarks", (N_IBUG, 3))
        near = (verts - unit * landmarks[_BELOW_NOSE]).norm(dim=1) < self.manifest.radius_m
        if picture is not None:
            near &= ~_covered(verts, faces, *picture)
        skin = faces[near[faces].all(1)]
        if not len(skin):
            raise ScanError(f"{path.name} has no surface near the landmarks: are both in {unit:g} m?")
        points, normals = _spread(verts, skin)
        return TrueFace(points, normals, unit * landmarks, None if ibug68 is None else unit * ibug68)


def yaw_deg(landmarks_cam: Tensor) -> float:
    """Of a face whose NoW landmarks (7, 3) are in the camera's frame; positive where it turns to the subject's left."""
    left = landmarks_cam[_OUTER_CORNERS[1]] - landmarks_cam[_OUTER_CORNERS[0]]
    up = landmarks_cam[list(_OUTER_CORNERS)].mean(0) - landmarks_cam[list(_MOUTH)].mean(0)
    forward = torch.linalg.cross(left, up)
    return math.degrees(math.atan2(float(forward[0]), -float(forward[2])))


def _covered(verts_m: Tensor, faces: Tensor, found: ScanCamera, mask_path: Path) -> Tensor:
    """(V,) bool: vertices that the picture shows where its mask says that there is no skin."""
    covered = torch.zeros(len(verts_m), dtype=torch.bool)
    if found.T_cam_scan is None or not mask_path.exists():
        return covered
    camera = Camera(found.camera.focal_px, found.camera.center_px, found.T_cam_scan, found.camera.size)
    mask = torch.from_numpy(read_plane(mask_path, camera.size) > 0)
    hit = rasterize(camera.world_to_cam(verts_m), faces, camera).face_index
    covered[faces[hit[(hit >= 0) & ~mask].unique()]] = True
    return covered


def _spread(verts_m: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """Points and normals (N, 3), spread evenly by area."""
    normals = face_normals(verts_m.double(), faces, normalise=False)
    areas = normals.norm(dim=1).numpy()
    rng = np.random.default_rng(0)
    places = (np.arange(POINTS) + rng.random(POINTS)) / POINTS * areas.sum()
    chosen = torch.from_numpy(np.minimum(np.searchsorted(np.cumsum(areas), places), len(areas) - 1))
    root, along = np.sqrt(rng.random(POINTS)), rng.random(POINTS)
    weights = torch.from_numpy(np.stack([1 - root, root * (1 - along), root * along], 1))
    points = (verts_m.double()[faces[chosen]] * weights[..., None]).sum(1)
    return points.float(), normals[chosen].float()
