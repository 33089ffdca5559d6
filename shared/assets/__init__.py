"""Weights, meshes and detecting networks that come with the package; README.md here says what each is."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent


def asset_path(name: str) -> Path:
    """Where the file of that name lies."""
    return FOLDER / name
