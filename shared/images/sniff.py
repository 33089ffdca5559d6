"""What a file is that cannot be read as a picture, by its first bytes."""

from __future__ import annotations

HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
SIGNATURES = (
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself: run `git lfs pull`"),
    (b"%PDF", "a PDF, not a picture: export its page as PNG or JPEG"),
    (b"8BPS", "a Photoshop file: export it as PNG or JPEG"),
    (b"%!PS", "a PostScript file: export it as PNG or JPEG"),
    (b"PK\x03\x04", "a zip archive, not a picture: unpack it"),
    (b"\x1f\x8b", "a gzip archive, not a picture: unpack it"),
    (b"\x1aE\xdf\xa3", "a video (Matroska or WebM), not a picture: give it the suffix .mkv or .webm"),
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture: convert it to JPEG or PNG"),
    (b"\xff\x0a", "a JPEG XL picture: convert it to JPEG or PNG"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture: convert it to JPEG or PNG"),
    (b"FUJIFILM", "a raw camera file: develop it to JPEG or PNG"),
)
DAMAGED = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)


def describe_unreadable(data: bytes) -> str:
    """A reason, for a person, why these bytes were not read as a picture, and what to do about it."""
    if data[4:8] == b"ftyp":
        if data[8:12] in HEIF_BRANDS:
            return "a HEIC/HEIF picture, which is not supported: convert it to JPEG or PNG"
        return "a video (MP4 family), not a picture: give it the suffix .mp4"
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "a video (AVI), not a picture: give it the suffix .avi"
    for signature, reason in SIGNATURES:
        if data.startswith(signature):
            return reason
    for signature, kind in DAMAGED:
        if data.startswith(signature):
            return f"damaged or truncated {kind}: its header cannot be read"
    head = data[:4096]
    if not head.strip(b"\x00"):
        return f"not an image: the file starts with {len(head)} zero bytes, as after an interrupted copy"
    if b"\x00" not in head:
        text = head[:24].decode("utf-8", "ignore")
        if text and all(letter.isprintable() or letter.isspace() for letter in text):
            return f"not an image: the file starts with text {text.strip()!r}"
    return f"not an image of a known format: the file starts with bytes {data[:8].hex(' ')}"
