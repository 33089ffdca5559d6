from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.images.decode import InputError
from shared.images.source import InputRef, find_inputs, find_photos, iter_frames
from shared.landmarker.search import FaceLandmarker
from shared.runs.errors import UserError
from tests.images.bad_folder import NO_FACE


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")


def ids(inputs: object) -> list[str]:
    return [ref.id for ref in find_inputs(inputs)]  # type: ignore[arg-type]


def test_every_awkward_file_gets_its_outcome(bad_folder: tuple[Path, dict[str, str]], detector: FaceLandmarker) -> None:
    path, expected = bad_folder
    outcome: dict[str, str] = {}
    for ref in find_inputs(path):
        try:
            frames = list(iter_frames(ref))
            assert [frame.id for frame in frames] == [ref.id]
            outcome[ref.id] = "ok" if detector.detect(frames[0].image) else NO_FACE
        except InputError as error:
            outcome[ref.id] = error.reason
    assert outcome.keys() == expected.keys()
    wrong = {name: outcome[name] for name in expected if expected[name] not in outcome[name]}
    assert not wrong


def test_order_case_and_what_is_passed_over(tmp_path: Path) -> None:
    touch(tmp_path, "b.JPG", "a/z.png", "a.jpeg", "c.Mp4", ".hidden.jpg", "._b.JPG", ".git/x.png", "notes.txt", "d")
    found = find_inputs(tmp_path)
    assert [(ref.id, ref.kind, ref.index) for ref in found] == [
        ("a.jpeg", "photo", 0),
        ("a/z.png", "photo", 1),
        ("b.JPG", "photo", 2),
        ("c.Mp4", "video", 3),
    ]
    assert found.ignored == 2
    assert found[1].path == str(tmp_path / "a" / "z.png")


def test_order_does_not_depend_on_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, *(f"{folder}{name}.jpg" for folder in ("", "x/", "y/") for name in "cab"))
    before = ids(tmp_path)
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: list(scandir(path))[::-1])
    assert ids(tmp_path) == before == sorted(before)


def test_links_are_followed_once_and_never_in_circles(tmp_path: Path) -> None:
    touch(tmp_path, "in/a/one.jpg", "outside/two.jpg")
    (tmp_path / "in/a/up").symlink_to(tmp_path / "in")
    (tmp_path / "in/linked").symlink_to(tmp_path / "outside")
    (tmp_path / "in/self.jpg").symlink_to("self.jpg")
    assert ids(tmp_path / "in") == ["a/one.jpg", "linked/two.jpg", "self.jpg"]


def test_unreadable_folders_stay_in_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.jpg", "locked/b.jpg")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_inputs(tmp_path)
    assert [ref.id for ref in found] == ["a.jpg", "locked"]
    with pytest.raises(InputError, match="directory"):
        next(iter_frames(found[1]))


def test_lists_keep_their_order(tmp_path: Path) -> None:
    touch(tmp_path, "p/a.jpg", "p/b b.png", "q/c.mp4")
    text = f"# photos\r\n../p/b b.png\r\n\r\n{tmp_path}/p/a.jpg\r\n../p/b b.png\r\n../q/c.mp4\r\nmissing.jpg\r\n"
    touch(tmp_path, "lists/x")
    (tmp_path / "lists/all.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = find_inputs(tmp_path / "lists/all.txt")
    assert [(ref.id, ref.kind) for ref in found] == [
        ("p/b b.png", "photo"),
        ("p/a.jpg", "photo"),
        ("q/c.mp4", "video"),
        ("lists/missing.jpg", "photo"),
    ]
    with pytest.raises(InputError, match="no such file"):
        next(iter_frames(found[3]))


def test_lists_may_name_folders(tmp_path: Path) -> None:
    touch(tmp_path, "in/b/2.jpg", "in/b/1.jpg", "in/b/notes.md", "in/a.jpg")
    (tmp_path / "list.txt").write_text("in/b/2.jpg\nin/b\nin/a.jpg\n")
    found = find_inputs(tmp_path / "list.txt")
    assert [ref.id for ref in found] == ["b/2.jpg", "b/1.jpg", "a.jpg"]
    assert found.ignored == 1


def test_single_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.JPG", "b.MOV", "7")
    assert find_inputs(str(tmp_path / "a.JPG")) == [InputRef("photo", str(tmp_path / "a.JPG"), "a.JPG")]
    assert find_inputs(tmp_path / "b.MOV")[0].kind == "video"
    assert find_inputs(0) == find_inputs("0") == [InputRef("camera", "0", "camera0")]
    monkeypatch.chdir(tmp_path)
    assert find_inputs("7")[0].kind == "photo"  # a file of that name goes first


@pytest.mark.parametrize("name", ["", "gone", "gone/*.jpg"])
def test_no_such_input(name: str) -> None:
    with pytest.raises(InputError, match="no such photo, folder, list, video or camera"):
        find_inputs(name)


@pytest.mark.parametrize(("content", "expected"), [(b"", "names no file"), (b"\xff\xfea\x00", "UTF-8")])
def test_bad_lists(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(InputError, match=expected):
        find_inputs(tmp_path / "list.txt")


def test_photos_and_videos_come_through_one_iterator(tmp_path: Path, photo: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), photo[..., ::-1])
    writer = cv2.VideoWriter(str(tmp_path / "b.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (512, 512))
    for _ in range(3):
        writer.write(photo[..., ::-1])
    writer.release()
    frames = [frame for ref in find_inputs(tmp_path) for frame in iter_frames(ref)]
    assert [(frame.id, frame.time_s) for frame in frames] == [
        ("a.png", None),
        ("b.mp4/000000", 0.0),
        ("b.mp4/000001", pytest.approx(0.1)),
        ("b.mp4/000002", pytest.approx(0.2)),
    ]


def test_photos_that_an_option_names(tmp_path: Path) -> None:
    touch(tmp_path, "b.jpg", "a.png", "clip.mp4", "notes.md")
    assert [ref.id for ref in find_photos("photos", tmp_path)] == ["a.png", "b.jpg"]
    with pytest.raises(UserError, match=r"set=.*nowhere: no such photo"):
        find_photos("set", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"photos=.*empty: no photos there"):
        find_photos("photos", tmp_path / "empty")
