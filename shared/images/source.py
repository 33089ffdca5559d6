"""From what a user names (photo, folder, list, video, camera) to a stream of frames."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from shared.images.decode import IMAGE_SUFFIXES, Frame, InputError, load_image, printable
from shared.images.video import VIDEO_SUFFIXES, iter_camera, iter_video
from shared.runs.errors import UserError

LIST_SUFFIXES = frozenset((".txt", ".lst", ".list"))
Kind = Literal["photo", "video", "camera"]


@dataclass(frozen=True)
class InputRef:
    """One input, not opened yet, so that it may turn out to be broken."""

    kind: Kind
    path: str  # of the file; the camera's number for cameras
    id: str  # stable and unique in its list: the path below the inputs' root with '/' separators
    index: int = 0  # place in the list


class InputList(list[InputRef]):
    """Inputs in order; ``ignored`` counts the files passed over for their suffix."""

    def __init__(self, refs: list[InputRef], ignored: int = 0) -> None:
        super().__init__(replace(ref, index=index) for index, ref in enumerate(refs))
        self.ignored = ignored


def find_inputs(inputs: str | os.PathLike[str] | int) -> InputList:
    """List the inputs that a user names.

    - a folder: its photos and videos by suffix in any case, recursively, sorted by id; symlinked folders are followed
      once each; hidden files and macOS's ``._`` files are skipped. Unreadable folders, broken links and folders called
      ``x.jpg`` stay in the list, so that reading them reports them.
    - a ``.txt``, ``.lst`` or ``.list`` file: one photo, video or folder a line, relative to the file's own folder;
      ``#`` starts a comment line. The order is kept, repeats count once, ids are relative to the common folder.
    - any other file: a video by its suffix, else a photo.
    - a number: a camera.

    Raises:
        InputError: if there is no such path, or a list cannot be read.
    """
    name = os.fspath(inputs) if not isinstance(inputs, int) else str(inputs)
    if isinstance(inputs, int) or (name.isascii() and name.isdigit() and not os.path.lexists(name)):
        return InputList([InputRef("camera", str(int(name)), f"camera{int(name)}")])
    path = Path(name).expanduser()
    if not name or not os.path.lexists(path):
        raise InputError(name, f"no such photo, folder, list, video or camera (looked in {os.getcwd()!r})")
    if path.is_dir():
        return _folder(path)
    if path.suffix.lower() in LIST_SUFFIXES:
        return _listed(path)
    return InputList([InputRef(_kind(path), str(path), printable(path.name))])


def find_photos(option: str, inputs: str | os.PathLike[str]) -> list[InputRef]:
    """The photos among the inputs that the user has named with ``option``. UserError, which names it, if none."""
    try:
        photos = [ref for ref in find_inputs(inputs) if ref.kind == "photo"]
    except InputError as error:
        raise UserError(f"{option}={inputs}: {error.reason}") from error
    if not photos:
        raise UserError(f"{option}={inputs}: no photos there")
    return photos


def iter_frames(ref: InputRef, every: int = 1, start_s: float = 0.0, stop_s: float | None = None) -> Iterator[Frame]:
    """Yield the one frame of a photo, or those of a video or camera (see `iter_video`; the limits are for videos).

    Raises:
        InputError: ImageError or VideoError; for a damaged video after the frames that could be read.
    """
    if ref.kind == "photo":
        yield load_image(ref.path, ref.id, ref.index)
    elif ref.kind == "video":
        yield from iter_video(ref.path, ref.id, every, start_s, stop_s)
    else:
        yield from iter_camera(int(ref.path), ref.id)


def _kind(path: Path) -> Kind:
    return "video" if path.suffix.lower() in VIDEO_SUFFIXES else "photo"


def _folder(root: Path) -> InputList:
    found: list[InputRef] = []
    ignored = 0
    seen: set[tuple[int, int]] = set()
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        status = folder.stat()
        # A link back to a folder above, or a second link to the same one, adds nothing but endless paths.
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            if folder == root:
                raise InputError(root, "permission denied: this user may not list the folder") from None
            found.append(_below(root, folder))
            continue
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            named_as_media = path.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES
            if named_as_media:
                found.append(_below(root, path))
            if _is_folder(path):
                waiting.append(path)
            elif not named_as_media:
                ignored += 1
    return InputList(sorted(found, key=lambda ref: ref.id), ignored)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _below(root: Path, path: Path) -> InputRef:
    return InputRef(_kind(path), str(path), printable(path.relative_to(root).as_posix()))


def _listed(list_path: Path) -> InputList:
    try:
        lines = list_path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise InputError(list_path, f"the list cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InputError(list_path, "the list is not UTF-8 text: one path a line is expected") from None
    entries = [line.strip() for line in lines]
    names = dict.fromkeys(line for line in entries if line and not line.startswith("#"))
    paths = [Path(os.path.normpath(list_path.parent.absolute() / Path(name).expanduser())) for name in names]
    paths = list(dict.fromkeys(paths))
    if not paths:
        raise InputError(list_path, "the list names no file: one path a line is expected")
    common = Path(os.path.commonpath([path.parent for path in paths]))
    refs: list[InputRef] = []
    ignored = 0
    for path in paths:
        ref = _below(common, path)
        if _is_folder(path):
            inside = _folder(path)
            refs += [replace(found, id=f"{ref.id}/{found.id}") for found in inside]
            ignored += inside.ignored
        else:
            refs.append(ref)
    unique = {ref.path: ref for ref in reversed(refs)}  # the first of each path
    return InputList([ref for ref in refs if unique[ref.path] is ref], ignored)
