from __future__ import annotations

import re
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from records import NOON

from aeras.domain.errors import InputError
from aeras.domain.messages import Message
from aeras.respond.channels.qr import QrChannel, svg

LINK = "https://shop.example/s/WyJwdXQtYmFjayIsIm9hdC1taWxrIl0.WyewlU5RqpNa07yLowNRxJJmd7c"


def drawn(picture: str, scale: int = 6) -> np.ndarray:
    """The picture's dark strokes as pixels: segno writes one path of ``M``, ``m`` and ``h``."""
    root = ElementTree.fromstring(picture)
    side = int(root.attrib["viewBox"].split()[2])
    pixels = np.full((side, side), 255, np.uint8)
    strokes = root[-1].attrib["d"]
    x = y = 0.0
    for step, numbers in re.findall(r"([Mmh])([-\d. ]+)", strokes):
        values = [float(n) for n in re.findall(r"-?\d+\.?\d*", numbers)]
        if step == "h":
            pixels[int(y), int(x) : int(x + values[0])] = 0
            x += values[0]
        else:
            x, y = (values[0], values[1]) if step == "M" else (x + values[0], y + values[1])
    return np.kron(pixels, np.ones((scale, scale), np.uint8))


def test_a_reader_finds_the_link_in_the_picture():
    text, _, _ = cv2.QRCodeDetector().detectAndDecode(drawn(svg(LINK)))
    assert text == LINK


def test_the_picture_stands_alone_without_script_or_style():
    picture = QrChannel().deliver(
        Message("m", 1, "qr", "survey.invitation", "gum", {"link": LINK}, NOON)
    )
    assert picture.startswith("<svg")
    assert not re.search(r"<script|<style|style=|onload|href", picture)
    assert {e.tag.rpartition("}")[2] for e in ElementTree.fromstring(picture)} == {"path"}


def test_a_link_too_long_for_a_code_is_refused():
    with pytest.raises(InputError, match="does not fit a QR code"):
        svg("https://shop.example/" + "x" * 5000)
