"""Photos from disk to RGB pixels, or a reason in plain words why not."""

from __future__ import annotations

import errno
import io
import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from shared.geometry.focal import focal_from_35mm
from shared.images.exif import focal_35mm
from shared.images.sniff import describe_unreadable

# An explicit list: Pillow would otherwise start Ghostscript for an EPS file that is called face.jpg.
FORMATS = ("JPEG", "PNG", "BMP", "DIB", "TIFF", "WEBP", "GIF", "AVIF", "PPM")
# fmt: off
IMAGE_SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".bmp", ".dib", ".tif", ".tiff", ".webp", ".gif", ".avif",
    ".ppm", ".pgm", ".heic", ".heif",
))
# fmt: on
MIN_SIDE_PX = 16
MAX_PIXELS = 89_478_485  # Pillow's own limit for decompression bombs: 256 MiB of RGB
MAX_FILE_BYTES = 1 << 30
MID_GREY = 128


class InputError(Exception):
    """A photo or video that cannot be used; ``path`` and ``reason`` are for reports, one file never ends a run."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        self.path = os.fspath(path)
        self.reason = reason
        # repr, because names may hold newlines and bytes that no terminal can print
        super().__init__(f"{self.path!r}: {reason}")

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str]]:
        """Let worker processes send the error back."""
        return type(self), (self.path, self.reason)


class ImageError(InputError):
    """A photo that cannot be used."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture: a photo, or a frame of a video or camera."""

    image: np.ndarray  # (H, W, 3) uint8 RGB, upright
    id: str  # stable: the path below the inputs' root with '/', for video frames followed by '/000123'
    path: str
    time_s: float | None = None  # since the start of the video; None for photos
    focal_35mm: float | None = None  # 35 mm equivalent in mm, by the diagonal, from EXIF
    index: int = 0  # place in the list of inputs, or frame number in the video

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def focal_px(self) -> float | None:
        """Focal length in pixels by EXIF, or None; wrong for a cropped picture, which keeps the EXIF of the whole."""
        return None if self.focal_35mm is None else focal_from_35mm(self.focal_35mm, self.size)


def frame_of_array(image: np.ndarray) -> Frame:
    """A picture (H, W, 3) uint8 RGB that comes from no file. ValueError if it is not one."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"an image array must be (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
    return Frame(image=image, id="array", path="")


def load_image(
    path: str | os.PathLike[str], id: str | None = None, index: int = 0, max_pixels: int = MAX_PIXELS
) -> Frame:
    """Read one photo as upright 8-bit RGB.

    EXIF orientation is applied. 16-bit values are divided by 257, without stretching. Transparent parts lie on mid
    grey, which is as far from dark as from bright hair, so that neither outline vanishes. CMYK goes through its ICC
    profile where it has one. Of animations and multi-picture files the first frame is taken.

    Args:
        path: the file.
        id: stable name for results; the file's name if None.
        index: place in the list of inputs.
        max_pixels: larger pictures are refused before they are decoded.

    Raises:
        ImageError: with a reason in plain words; half-read pictures are never returned.
    """
    bytes_count = check_readable(path, ImageError)
    if bytes_count > MAX_FILE_BYTES:
        raise ImageError(path, f"the file has {bytes_count / 2**30:.1f} GiB, more than a photo can have")
    data = Path(path).read_bytes()
    try:
        with Image.open(io.BytesIO(data), formats=_formats()) as picture:
            width, height = picture.size
            if width * height > max_pixels:
                raise ImageError(
                    path,
                    f"{width}x{height} px is {width * height / 1e6:.0f} megapixels, above the limit of "
                    f"{max_pixels / 1e6:.0f}: shrink it",
                )
            if min(width, height) < MIN_SIDE_PX:
                raise ImageError(path, f"{width}x{height} picture: smaller than {MIN_SIDE_PX} px")
            focal = focal_35mm(picture)
            picture.load()
            image = _to_rgb(_upright(picture), path)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError(path, describe_unreadable(data)) from None
    except Image.DecompressionBombError:
        raise ImageError(path, f"more than {2 * MAX_PIXELS / 1e6:.0f} megapixels: shrink it") from None
    except MemoryError:
        raise ImageError(path, "not enough memory to decode it: shrink it") from None
    except Exception as error:  # Pillow's decoders raise nearly anything on damaged files
        raise ImageError(path, _damage(data, error)) from error
    name = id if id is not None else printable(Path(path).name)
    return Frame(image, name, os.fspath(path), focal_35mm=focal, index=index)


def printable(name: str) -> str:
    """A name whose undecodable bytes are written as ``\\xNN``, so that it can be printed and stored."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def check_readable(path: str | os.PathLike[str], error_type: type[InputError]) -> int:
    """Size in bytes of a regular, readable, non-empty file; otherwise raise ``error_type`` with the reason."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            denied = not os.access(path, os.R_OK | os.X_OK)
            raise error_type(
                path, "permission denied: this user may not list the folder" if denied else "is a directory"
            )
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait forever
            raise error_type(path, "not a regular file but a pipe, socket or device")
        if status.st_size == 0:
            raise error_type(path, "empty file")
        with open(path, "rb"):
            return status.st_size
    except FileNotFoundError:
        if os.path.islink(path):
            raise error_type(path, f"broken symlink: it points to {os.readlink(path)!r}") from None
        raise error_type(path, "no such file") from None
    except PermissionError:
        raise error_type(path, "permission denied: this user may not read it") from None
    except ValueError as error:  # a NUL in the name
        raise error_type(path, f"not a file name: {error}") from None
    except OSError as error:
        reason = "symlinks that point in a circle" if error.errno == errno.ELOOP else (error.strerror or str(error))
        raise error_type(path, f"cannot be read: {reason}") from error


@lru_cache
def _formats() -> tuple[str, ...]:
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)  # AVIF is new in Pillow 11.3


def _damage(data: bytes, error: Exception) -> str:
    kind = {b"\xff\xd8": "JPEG", b"\x89P": "PNG", b"GI": "GIF", b"RI": "WebP", b"BM": "BMP", b"II": "TIFF",
            b"MM": "TIFF"}.get(data[:2], "picture")  # fmt: skip
    text = str(error)
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return f"truncated {kind}: the file ends before the picture does; copy it again ({text})"
    return f"damaged {kind}: {text or type(error).__name__}"


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture) or picture
    except Exception:  # damaged EXIF beside good pixels: the pixels count
        return picture


def _to_rgb(picture: Image.Image, path: str | os.PathLike[str]) -> np.ndarray:
    mode = picture.mode
    if mode.startswith("I"):
        picture = Image.fromarray(_integers_to_8bit(np.asarray(picture), path))
    elif mode == "F":
        picture = Image.fromarray(_floats_to_8bit(np.asarray(picture), path))
    elif mode in ("CMYK", "LAB"):
        picture = _through_profile(picture)
    elif mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        picture = Image.new("RGBA", layer.size, (MID_GREY, MID_GREY, MID_GREY, 255))
        picture.alpha_composite(layer)
    return np.array(picture.convert("RGB"))


def _integers_to_8bit(values: np.ndarray, path: str | os.PathLike[str]) -> np.ndarray:
    if values.min() < 0 or values.max() > 65535:
        raise ImageError(path, f"32-bit picture with values {values.min()}..{values.max()}: convert it to 8 or 16 bit")
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _floats_to_8bit(values: np.ndarray, path: str | os.PathLike[str]) -> np.ndarray:
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise ImageError(
            path, f"floating-point picture with values {values.min()}..{values.max()}, not 0..1: convert it to 8 bit"
        )
    return np.round(values * 255).astype(np.uint8)


def _through_profile(picture: Image.Image) -> Image.Image:
    """CMYK or Lab to sRGB by the file's own profile; without one, CMYK by Pillow's plain rule."""
    if picture.mode == "CMYK" and not picture.info.get("icc_profile"):
        return picture
    try:
        if picture.mode == "LAB":
            profile = ImageCms.createProfile("LAB")
        else:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
        converted = ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):  # a damaged or mismatched profile beside good pixels
        return picture
    return converted or picture
