"""Image bombs: the number of pixels is known before anyone decodes."""

import base64
import struct
import zlib

import pytest

from hgm.gateway.images import check_image_url, image_size
from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings


def png(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg(*sizes, before=b""):
    frames = b"".join(
        b"\xff\xc0" + struct.pack(">HBHH", 17, 8, height, width) + b"\x03" + b"\0" * 9 for width, height in sizes
    )
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\0" + b"\0" * 9 + before + frames + b"\xff\xda\x00\x0c" + b"\0" * 20


def webp(kind, payload):
    body = b"WEBP" + kind + struct.pack("<I", len(payload)) + payload
    return b"RIFF" + struct.pack("<I", len(body)) + body


def url(kind, data):
    return f"data:image/{kind};base64," + base64.b64encode(data).decode()


GOOD = [
    ("png", png(640, 480), (640, 480)),
    ("jpeg", jpeg((640, 480)), (640, 480)),
    ("jpeg", jpeg((640, 480), before=b"\xff\xff\xff\xfe\x00\x04ab"), (640, 480)),
    (
        "webp",
        webp(b"VP8X", b"\0" * 4 + (639).to_bytes(3, "little") + (479).to_bytes(3, "little") + b"\0" * 9),
        (640, 480),
    ),
    ("webp", webp(b"VP8L", b"\x2f" + (639 | 479 << 14).to_bytes(4, "little") + b"\0" * 9), (640, 480)),
    ("webp", webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 640, 480) + b"\0" * 9), (640, 480)),
]


@pytest.mark.parametrize(("kind", "data", "size"), GOOD)
def test_sizes_are_read_from_headers(kind, data, size):
    assert image_size(kind, data) == size
    check_image_url(url(kind, data), Settings(), param="p")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("png", png(65_535, 65_535)),
        ("png", png(0, 100)),
        ("png", png(2**31, 2**31)),
        ("jpeg", jpeg((65_535, 65_535))),
        ("jpeg", jpeg((1, 1), (65_535, 65_535))),
        ("webp", webp(b"VP8X", b"\0" * 4 + b"\xff" * 6 + b"\0" * 9)),
    ],
)
def test_bombs_are_refused(kind, data):
    with pytest.raises(Refusal, match="pixels"):
        check_image_url(url(kind, data), Settings(), param="p")


@pytest.mark.parametrize(("kind", "data", "_"), GOOD)
def test_an_image_cut_anywhere_is_refused_or_still_within_limits(kind, data, _):
    for end in range(len(data)):
        size = image_size(kind, data[:end])
        assert size in (None, (640, 480))


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_a_kind_is_not_believed(kind):
    with pytest.raises(Refusal, match="this is not an image"):
        check_image_url(url(kind, png(1, 1)), Settings(), param="p")


def test_bytes_are_limited():
    with pytest.raises(Refusal, match="bytes"):
        check_image_url(url("png", png(1, 1) + b"\0" * 4_000_000), Settings(), param="p")
    with pytest.raises(Refusal, match="not an image"):
        check_image_url("data:image/png;base64,iVBORw0KGgo=\n!!", Settings(), param="p")
