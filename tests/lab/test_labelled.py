"""Pictures and labels as users bring them: what is read, and the one line for what is not."""

from __future__ import annotations

import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_onnx import mean_classifier

from aeras.domain.errors import InputError
from aeras.lab.labelled import read_picture, read_rows

GREY = np.random.default_rng(0).integers(0, 255, (30, 20), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 255, (30, 20, 3), dtype=np.uint8)


def save(path: Path, image: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), image)
    return path


def with_rotation_mark(jpeg: bytes, orientation: int) -> bytes:
    """A JPEG with an EXIF block that holds nothing but the camera's rotation."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    block = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


def test_grey_pictures_become_colour(tmp_path):
    image = read_picture(save(tmp_path / "a.png", GREY))
    np.testing.assert_array_equal(image, np.stack([GREY] * 3, axis=2))


def test_transparency_is_dropped(tmp_path):
    alpha = np.dstack([COLOUR, np.zeros((30, 20), np.uint8)])
    np.testing.assert_array_equal(read_picture(save(tmp_path / "a.png", alpha)), COLOUR)


def test_sixteen_bits_become_eight(tmp_path):
    image = read_picture(save(tmp_path / "a.png", COLOUR.astype(np.uint16) * 257))
    np.testing.assert_array_equal(image, COLOUR)


def test_a_turned_camera_is_turned_back(tmp_path):
    upright = cv2.resize(COLOUR, (40, 64), interpolation=cv2.INTER_CUBIC)
    lying = cv2.rotate(upright, cv2.ROTATE_90_COUNTERCLOCKWISE)
    path = tmp_path / "a.jpg"
    data = cv2.imencode(".jpg", lying, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    path.write_bytes(with_rotation_mark(data, 6))
    image = read_picture(path)
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).mean() < 20


def test_a_picture_that_holds_no_numbers_is_named(tmp_path):
    image = COLOUR.astype(np.float32)
    image[3, 3] = np.nan
    with pytest.raises(InputError, match=r"a\.tiff: holds values that are no numbers"):
        read_picture(save(tmp_path / "a.tiff", image))


@pytest.mark.parametrize("level", [0, 255])
def test_a_constant_picture_is_named(tmp_path, level):
    flat = np.full((30, 20, 3), level, np.uint8)
    with pytest.raises(InputError, match=r"a\.png: all pixels are equal"):
        read_picture(save(tmp_path / "a.png", flat))


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "folder", "missing"])
def test_a_damaged_picture_is_one_error_and_nothing_on_stderr(tmp_path, capfd, damage):
    path = tmp_path / "a.png"
    whole = cv2.imencode(".png", COLOUR)[1].tobytes()
    contents = {"cut": whole[:300], "empty": b"", "text": b"no picture"}
    if damage in contents:
        path.write_bytes(contents[damage])
    elif damage == "folder":
        path.mkdir()
    with pytest.raises(InputError, match=r"a\.png: not a readable picture"):
        read_picture(path)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no column"),
        (b"file,expression\n", "found 0 rows with file,expression"),
        (b"file\na.png\n", "found 1 rows with file"),
        (b"file,expression\na.png\n", "labels.csv:2: the row has no expression"),
        (b"file,expression\na.png,fear\n\n ,\n", "labels.csv:4: the row has no file and no expr"),
        (b"file,expression\na.png,\xff\xfe\n", "not a CSV file in UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not a CSV file in UTF-8"),
    ],
)
def test_an_unusable_list_of_labels_is_named(tmp_path, data, says):
    labels = tmp_path / "labels.csv"
    labels.write_bytes(data)
    with pytest.raises(InputError, match=says):
        read_rows(tmp_path, labels, ("file", "expression"))


def test_a_list_from_a_spreadsheet_is_read(tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_bytes('\ufefffile,expression,note\r\n"a b.png",fear,"x, y"\r\n'.encode())
    rows = read_rows(tmp_path, labels, ("file", "expression"))
    assert rows == [{"file": "a b.png", "expression": "fear", "note": "x, y"}]


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """A folder with one picture, its labels, and a model of the user's with its spec."""
    save(tmp_path / "a.png", COLOUR)
    (tmp_path / "labels.csv").write_text("file,expression\na.png,fear\n")
    (tmp_path / "mine.onnx").write_bytes(mean_classifier((1, 1, 64, 64), np.zeros((1, 8))))
    (tmp_path / "mine.onnx.toml").write_text('like = "ferplus"\n')
    return tmp_path


@pytest.mark.parametrize(
    ("file", "content", "says"),
    [
        ("mine.onnx", b"no model", "cannot load the model"),
        ("mine.onnx", b"", "cannot load the model"),
        ("mine.onnx.toml", b'like = "ferplus"\nclasses = ["neutral"]', "names 1 classes"),
        ("mine.onnx.toml", b'like = "hsemotion"', "refused an input of shape"),
        ("mine.onnx.toml", b"\xff", "no valid TOML"),
        ("labels.csv", b"file,expression\na.png,joy\n", "unknown expression 'joy'"),
        ("labels.csv", b"file,expression\nb.png,fear\n", "b.png: not a readable picture"),
        ("a.png", cv2.imencode(".png", np.zeros((9, 9), np.uint8))[1].tobytes(), "are equal"),
    ],
)
def test_bad_input_of_the_command_is_one_clear_line(faces, run, file, content, says):
    (faces / file).write_bytes(content)
    words = ["lab", "expression", faces, faces / "labels.csv", "--json"]
    code, out, err = run(*words, "--model", faces / "mine.onnx")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("aeras: ")
    assert says in err
