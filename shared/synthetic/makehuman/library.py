"""MakeHuman's CC0 assets on the open head: skins and irises to paint with, hair, brows and lashes to put on.

Made for the "system assets" pack of the MakeHuman project, in its own layout or reduced to what a head needs.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import torch

from shared.flame.schema import FlameAssets
from shared.flame.segmentation import Part
from shared.synthetic.face.textures import IrisTexture, SkinTexture
from shared.synthetic.makehuman.base_mesh import BaseMesh
from shared.synthetic.makehuman.files import (
    IMAGE_SUFFIXES,
    AssetError,
    diffuse_texture,
    kind_of,
    read_garment,
)
from shared.synthetic.makehuman.garments import Garment
from shared.synthetic.makehuman.irises import read_iris
from shared.synthetic.makehuman.skins import AtlasMap, is_skin
from shared.synthetic.scene.scene import PosedHead, Surface

# Its teeth end above the lip line of the open head, whose mouth was made anew, so that mouth stays as it is.
_WORN = ("hair", "brows", "lashes")
_LASH_RGB = (0.012, 0.009, 0.008)

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class MakeHumanLibrary:
    """What a folder holds that fits the head."""

    assets: FlameAssets
    files: dict[str, tuple[Path, ...]]  # "skins" and "irises"
    garments: dict[str, dict[str, Garment]]  # kind, name
    _moved: dict[tuple[str, str, torch.device], Garment] = field(default_factory=dict, repr=False)

    @staticmethod
    def open(folder: Path, assets: FlameAssets) -> MakeHumanLibrary:
        """Read the garments of a folder and its sub-folders, and look for skins and irises.

        What is broken is left out with a warning.

        Raises:
            FileNotFoundError: there is no such folder.
            ValueError: the head isn't the open head, or the folder has nothing that fits it.
        """
        folder = folder.expanduser()
        if not folder.is_dir():
            raise FileNotFoundError(f"no folder {folder}: makehuman_assets takes the folder of MakeHuman's asset pack")
        assets = assets.to(torch.device("cpu"))  # garments follow each head to its device
        mesh = BaseMesh.of(assets)
        root = folder.resolve()
        garments: dict[str, dict[str, Garment]] = {kind: {} for kind in _WORN}
        for path in sorted(root.rglob("*.mhclo")):
            kind = kind_of(path, root)
            if kind in _WORN:
                for garment in _usable(path, lambda path=path, kind=kind: _garment(path, kind, mesh, assets)):
                    garments[kind][path.stem] = garment
        files = {"skins": tuple(_pictures(root, "skins")), "irises": tuple(_pictures(root, "eyes"))}
        if not any(garments.values()) and not any(files.values()):
            raise ValueError(
                f"nothing of MakeHuman's is in {folder}: makehuman_assets takes the folder of its asset pack, with "
                "folders such as hair, eyebrows, eyes and skins in it"
            )
        return MakeHumanLibrary(assets, files, garments)

    @cached_property
    def skins(self) -> tuple[SkinTexture, ...]:
        """Skins over the head's texture coordinates; read at the first use, some 0.1 s each."""
        if not self.files["skins"]:
            return ()
        atlas = AtlasMap.of(self.assets)
        return tuple(skin for path in self.files["skins"] for skin in _usable(path, lambda path=path: atlas.skin(path)))

    @cached_property
    def irises(self) -> tuple[IrisTexture, ...]:
        """Irises; read at the first use."""
        return tuple(iris for path in self.files["irises"] for iris in _usable(path, lambda path=path: read_iris(path)))

    @property
    def hair(self) -> tuple[str, ...]:
        """Names of the hair styles, as for ``hair_surfaces``."""
        return tuple(self.garments["hair"])

    @property
    def brows(self) -> tuple[str, ...]:
        """Names of the eyebrows."""
        return tuple(self.garments["brows"])

    @property
    def lashes(self) -> tuple[str, ...]:
        """Names of the eyelashes."""
        return tuple(self.garments["lashes"])

    def hair_surfaces(self, head: PosedHead, name: str, rgb: tuple[float, float, float] | None) -> list[Surface]:
        """Hair that moves with the skull, and below the neck with the shoulders.

        ``rgb`` is its linear colour; None takes the texture's own. KeyError if there is no such style.
        """
        return self._garment("hair", name, head).hair(head, rgb)

    def brow_surfaces(self, head: PosedHead, name: str, rgb: tuple[float, float, float]) -> list[Surface]:
        """Eyebrows of a linear colour that move with the skin. KeyError if there are none of this name."""
        return [self._garment("brows", name, head).on_skin(head, Part.BROWS, rgb)]

    def lash_surfaces(self, head: PosedHead, name: str) -> list[Surface]:
        """Eyelashes that move with the lids. KeyError if there are none of this name."""
        return [self._garment("lashes", name, head).on_skin(head, Part.HAIR, _LASH_RGB)]

    def _garment(self, kind: str, name: str, head: PosedHead) -> Garment:
        """The garment on the device of the head."""
        if name not in self.garments[kind]:
            raise KeyError(f"no {kind} {name!r}; there are: {', '.join(self.garments[kind])}")
        key = (kind, name, head.verts_m.device)
        if key not in self._moved:
            self._moved[key] = self.garments[kind][name].to(head.verts_m.device)
        return self._moved[key]


def _garment(path: Path, kind: str, mesh: BaseMesh, assets: FlameAssets) -> Garment:
    return Garment.of(read_garment(path), kind, mesh, assets)


def _pictures(root: Path, kind: str) -> Iterator[Path]:
    """Pictures of skins or eyes: those that materials name; in folders without materials, all."""
    for folder in sorted({path.parent for path in root.rglob("*") if kind_of(path, root) == kind}):
        materials = sorted(folder.glob("*.mhmat"))
        found = dict.fromkeys(texture for path in materials for texture in _usable(path, lambda p=path: _texture(p)))
        if not materials and kind == "skins":
            pictures = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in IMAGE_SUFFIXES)
            found = dict.fromkeys(path for path in pictures if is_skin(path))
        yield from found


def _texture(material: Path) -> Path:
    texture = diffuse_texture(material)
    if texture is None:
        raise AssetError("the texture that it names is missing")
    return texture


def _usable(path: Path, read: Callable[[], T]) -> list[T]:
    """What ``read`` makes of a file, or nothing and a warning."""
    try:
        return [read()]
    except (ValueError, OSError) as error:
        log.warning("MakeHuman asset %s is left out: %s", path, error)
        return []
