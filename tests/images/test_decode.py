from __future__ import annotations

import os
import pickle
import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from shared.images.decode import ImageError, load_image
from shared.images.encode import write_jpeg


def difference(path: Path, expected: np.ndarray) -> float:
    """Mean absolute difference in grey levels."""
    image = load_image(path).image
    assert image.dtype == np.uint8
    assert image.shape == expected.shape
    return float(np.abs(image.astype(float) - expected).mean())


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "ppm"])
def test_lossless_formats_come_back_exactly(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(photo).save(path, **({"lossless": True} if suffix == "webp" else {}))
    np.testing.assert_array_equal(load_image(path).image, photo)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_by_exif_equals_unturned(tmp_path: Path, photo: np.ndarray, orientation: int) -> None:
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transpose that undoes what a viewer will do
    stored = Image.fromarray(photo[:400])
    if orientation in turns:
        stored = stored.transpose(Image.Transpose(turns[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png").image, photo[:400])


def test_cmyk_keeps_the_colours(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).convert("CMYK").save(tmp_path / "a.jpg", quality=98)
    assert difference(tmp_path / "a.jpg", photo) < 4  # an inverted read is off by more than 100


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bit_equals_8_bit(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    grey = photo[..., 1]
    cv2.imwrite(str(tmp_path / f"grey.{suffix}"), grey.astype(np.uint16) * 257)
    np.testing.assert_array_equal(load_image(tmp_path / f"grey.{suffix}").image, np.dstack([grey] * 3))
    cv2.imwrite(str(tmp_path / f"rgb.{suffix}"), photo[..., ::-1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(load_image(tmp_path / f"rgb.{suffix}").image, photo)


def test_grey_palette_and_one_bit(tmp_path: Path, photo: np.ndarray) -> None:
    picture = Image.fromarray(photo)
    grey = np.asarray(picture.convert("L"))
    picture.convert("L").save(tmp_path / "grey.png")
    np.testing.assert_array_equal(load_image(tmp_path / "grey.png").image, np.dstack([grey] * 3))
    picture.quantize(256).save(tmp_path / "palette.png")
    assert difference(tmp_path / "palette.png", photo) < 8
    picture.convert("1").save(tmp_path / "bit.png")
    assert set(np.unique(load_image(tmp_path / "bit.png").image)) == {0, 255}


def test_transparent_parts_are_mid_grey(tmp_path: Path, photo: np.ndarray) -> None:
    alpha = np.zeros((512, 512), np.uint8)
    alpha[:, 256:] = 255
    Image.fromarray(np.dstack([photo, alpha])).save(tmp_path / "a.png")
    image = load_image(tmp_path / "a.png").image
    assert (image[:, :256] == 128).all()
    np.testing.assert_array_equal(image[:, 256:], photo[:, 256:])


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "mpo"])
def test_animations_give_their_first_frame(tmp_path: Path, photo: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    first, second = Image.fromarray(photo), Image.fromarray(255 - photo)
    first.save(path, save_all=True, append_images=[second])
    assert difference(path, photo) < 8


def test_focal_length_from_exif(tmp_path: Path, photo: np.ndarray) -> None:
    def focal(tags: dict[int, float]) -> float | None:
        exif = Image.Exif()
        exif.get_ifd(0x8769).update(tags)
        Image.fromarray(photo[:384]).save(tmp_path / "a.jpg", exif=exif)
        return load_image(tmp_path / "a.jpg").focal_35mm

    assert focal({0xA405: 85}) == 85
    assert focal({0xA405: 0}) is None  # EXIF's "unknown"
    assert focal({0xA405: 60000}) is None
    # A 36 mm wide sensor of 3:2 with 6000 pixels across is full frame, and half of it has a crop factor of two.
    across = {0xA20E: 6000 / 36 * 25.4, 0xA210: 2, 0xA002: 6000, 0x920A: 50.0}
    full_frame = focal(across)
    assert full_frame is not None
    assert full_frame == pytest.approx(50 * np.hypot(36, 24) / np.hypot(36, 27), rel=1e-3)  # the picture is 4:3
    assert focal(across | {0xA20E: 12000 / 36 * 25.4}) == pytest.approx(2 * full_frame, rel=1e-3)
    assert focal({0x920A: 50.0}) is None
    assert load_image(tmp_path / "a.jpg").focal_px is None


def test_focal_length_in_pixels(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 50
    Image.new("RGB", (3600, 2400)).save(tmp_path / "a.jpg", exif=exif)
    assert load_image(tmp_path / "a.jpg").focal_px == pytest.approx(5000, rel=1e-4)


def test_a_focal_length_written_is_read_back(tmp_path: Path) -> None:
    path = write_jpeg(tmp_path / "a.jpg", np.zeros((48, 64, 3), np.uint8), focal_px=1234.5)
    assert load_image(path).focal_px == pytest.approx(1234.5, rel=1e-6)
    assert load_image(write_jpeg(path, np.zeros((48, 64, 3), np.uint8))).focal_px is None


def reason(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert caught.value.path == str(path)
    assert caught.value.reason in str(caught.value)
    return caught.value.reason


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<!DOCTYPE html><html>", "starts with text '<!DOCTYPE html>"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC/HEIF picture, which is not supported: convert it"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00", "a video"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b"\x00" * 5000, "zero bytes"),
        (b"\x01\x02\x03\x00\xff", "starts with bytes 01 02 03 00 ff"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"", "empty file"),
    ],
)
def test_what_is_no_picture_is_named(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert expected in reason(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "gif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_truncated_files_are_refused(tmp_path: Path, photo: np.ndarray, suffix: str, share: float) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(photo).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    text = reason(path)
    assert "truncated" in text or "damaged" in text or "cut off" in text


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_and_profile_do_not_matter(tmp_path: Path, photo: np.ndarray) -> None:
    Image.fromarray(photo).save(tmp_path / "a.jpg", quality=95, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert difference(tmp_path / "a.jpg", photo) < 4
    cmyk = Image.fromarray(photo).convert("CMYK")
    cmyk.save(tmp_path / "b.jpg", quality=98, icc_profile=b"no profile at all")
    assert difference(tmp_path / "b.jpg", photo) < 4
    rgb_profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    cmyk.save(tmp_path / "c.jpg", quality=98, icc_profile=rgb_profile)
    assert difference(tmp_path / "c.jpg", photo) < 4


def test_sizes(tmp_path: Path) -> None:
    Image.new("RGB", (20000, 200)).save(tmp_path / "panorama.png")
    assert load_image(tmp_path / "panorama.png").size == (200, 20000)
    Image.new("RGB", (15, 400)).save(tmp_path / "thin.png")
    assert reason(tmp_path / "thin.png") == "15x400 picture: smaller than 16 px"
    with pytest.raises(ImageError, match=r"20000x200 px is 4 megapixels, above the limit of 1: shrink it"):
        load_image(tmp_path / "panorama.png", max_pixels=1_000_000)
    for side in (12_000, 60_000):  # a bomb: a small file that says it is huge, below and above Pillow's own limit
        header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        bomb = (tmp_path / "panorama.png").read_bytes()
        chunk = b"IHDR" + header
        (tmp_path / "bomb.png").write_bytes(bomb[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + bomb[33:])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert "megapixels" in reason(tmp_path / "bomb.png")


def test_not_a_file(tmp_path: Path) -> None:
    assert reason(tmp_path) == "is a directory"
    assert reason(tmp_path / "gone.jpg") == "no such file"
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    assert "circle" in reason(tmp_path / "loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "pipe" in reason(tmp_path / "pipe.jpg")


def test_names_that_break_other_readers(tmp_path: Path, photo: np.ndarray) -> None:
    for name in ("with space.png", "new\nline.png", "quote'\".png", "ünï-顔.png", os.fsdecode(b"\xff\xfe.png")):
        Image.fromarray(photo).save(str(tmp_path / name), format="PNG")
        frame = load_image(tmp_path / name)
        np.testing.assert_array_equal(frame.image, photo)
        frame.id.encode("utf-8")  # ids go into files and terminals


def test_errors_survive_worker_processes() -> None:
    error = pickle.loads(pickle.dumps(ImageError("a\nb.jpg", "empty file")))
    assert (error.path, error.reason, str(error)) == ("a\nb.jpg", "empty file", "'a\\nb.jpg': empty file")
