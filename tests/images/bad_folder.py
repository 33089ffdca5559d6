"""A folder of the awkward files that users' photo collections hold."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.data import astronaut, coffee

NO_FACE = "no face"
FACE_BOX = (179, 68, 271, 178)  # of the astronaut's landmarks: x0 y0 x1 y1


def make_bad_folder(path: Path) -> dict[str, str]:
    """Fill a folder; return the expected outcome by the file's id (its path below the folder).

    "ok": a face is found. `NO_FACE`: the picture is read and holds none. Anything else is part of the reason why the
    file cannot be read. Root may read everything, so ``unreadable.jpg`` is made for other users only; a folder called
    ``folder.jpg`` fails for all.
    """
    path.mkdir(parents=True, exist_ok=True)
    (path / "nested" / "deeper").mkdir(parents=True)
    return _broken(path) | _odd_pictures(path) | _odd_formats(path) | _odd_names(path)


def _broken(path: Path) -> dict[str, str]:
    (path / "text.jpg").write_text("hello, I am no picture\n")
    jpeg = _jpeg(path / "truncated.jpg")
    jpeg.write_bytes(jpeg.read_bytes()[: jpeg.stat().st_size // 2])
    (path / "empty.png").touch()
    Image.new("RGB", (1, 1)).save(path / "one_pixel.png")
    (path / "folder.jpg").mkdir()
    (path / "broken_link.jpg").symlink_to(path / "gone.jpg")
    expected = {
        "text.jpg": "starts with text 'hello",
        "truncated.jpg": "truncated JPEG",
        "empty.png": "empty file",
        "one_pixel.png": "1x1 picture: smaller than 16 px",
        "folder.jpg": "is a directory",
        "broken_link.jpg": "broken symlink",
    }
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        _jpeg(path / "unreadable.jpg").chmod(0)
        expected["unreadable.jpg"] = "permission denied"
    return expected


def _odd_pictures(path: Path) -> dict[str, str]:
    photo = Image.fromarray(astronaut())
    Image.linear_gradient("L").resize((20000, 200)).convert("RGB").save(path / "panorama.jpg")
    Image.fromarray(coffee()).save(path / "no_face.jpg")
    scale = 40 / (FACE_BOX[3] - FACE_BOX[1])
    small = photo.resize((round(512 * scale), round(512 * scale)), Image.Resampling.LANCZOS)
    big = Image.fromarray(coffee()).resize((1200, 800))
    big.paste(small, (700, 350))
    big.save(path / "small_face.jpg", quality=95)
    photo.crop((0, 0, 512, (FACE_BOX[1] + FACE_BOX[3]) // 2)).save(path / "half_face.jpg", quality=95)
    return {"panorama.jpg": NO_FACE, "no_face.jpg": NO_FACE, "small_face.jpg": "ok", "half_face.jpg": "ok"}


def _odd_formats(path: Path) -> dict[str, str]:
    photo = Image.fromarray(astronaut())
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise, as phones write it
    photo.transpose(Image.Transpose.ROTATE_90).save(path / "turned.jpg", exif=exif, quality=95)
    photo.convert("CMYK").save(path / "cmyk.jpg", quality=95)
    photo.save(path / "animated.gif", save_all=True, append_images=[photo.rotate(5), photo.rotate(10)])
    grey = photo.convert("L")
    grey.save(path / "grey.png")
    Image.fromarray(np.asarray(grey).astype(np.uint16) * 257).save(path / "depth16.png")
    layer = photo.convert("RGBA")
    layer.putalpha(Image.radial_gradient("L").resize((512, 512)).point(lambda value: 255 - value))
    layer.save(path / "alpha.png")
    return dict.fromkeys(("turned.jpg", "cmyk.jpg", "animated.gif", "grey.png", "depth16.png", "alpha.png"), "ok")


def _odd_names(path: Path) -> dict[str, str]:
    names = ("UPPER.JPG", 'it\'s a "näme" of 宇宙飛行士.jpg', "nested/deeper/photo.jpeg")
    for name in names:
        _jpeg(path / name)
    # These two are to be passed over.
    (path / "notes.txt").write_text("not an input")
    (path / "._UPPER.JPG").write_bytes(b"macOS")
    return dict.fromkeys(names, "ok")


def _jpeg(path: Path) -> Path:
    Image.fromarray(astronaut()).save(path, format="JPEG", quality=95)
    return path
