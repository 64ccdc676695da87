"""Images in a request: only data: URLs of PNG, JPEG and WebP, whose pixels are counted before anyone decodes them."""

import base64
import binascii
import re
from collections.abc import Mapping

from hgm.gateway.refusal import Refusal
from hgm.gateway.settings import Settings

DATA_URL = re.compile(r"data:image/(png|jpeg|webp);base64,", re.ASCII)
JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""Frame headers, which carry the size; the three are tables."""
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
"""Markers without a length."""

TILE = 512
MOST_TILES = 8
TILE_TOKENS = 6_000
IMAGE_TOKENS = 3_000
"""The most that a provider is known to bill: gpt-4o-mini takes 5,667 tokens for each square of 512 pixels, of which no
image has more than 8 once it is scaled down, and 2,833 beside them. All others known bill a tenth of that, or less."""


def check_image_url(url: object, settings: Settings, *, param: str) -> int:
    """Let `url` pass or not; what it may cost beyond a token for each of its bytes.

    Raises:
        Refusal: it is remote, of another kind, damaged, or over a limit on bytes or pixels.
    """
    header = DATA_URL.match(url) if isinstance(url, str) else None
    if not isinstance(url, str) or header is None:
        message = "only data:image/png, image/jpeg and image/webp URLs in base64 pass: nothing remote is fetched"
        raise Refusal(400, message, code="image_not_allowed", param=param)
    if len(url) - header.end() > settings.max_image_bytes * 4 // 3 + 4:
        raise Refusal(400, f"an image is over {settings.max_image_bytes} bytes", code="image_too_large", param=param)
    size = image_size(header[1], _decoded(url[header.end() :]))
    if size is None:
        raise Refusal(400, f"this is not an image/{header[1]}", code="image_damaged", param=param)
    if not 0 < size[0] * size[1] <= settings.max_image_pixels:
        message = f"an image of {size[0]} x {size[1]} is over the limit of {settings.max_image_pixels} pixels"
        raise Refusal(400, message, code="image_too_large", param=param)
    return max(0, image_tokens(*size) - len(url))


def check_image_source(source: Mapping[str, object], settings: Settings, *, param: str) -> int:
    """The same for the other spelling: `media_type`, and `data` in base64.

    Raises:
        Refusal: as `check_image_url`.
    """
    return check_image_url(f"data:{source['media_type']};base64,{source['data']}", settings, param=param)


def image_tokens(width: int, height: int) -> int:
    """The most tokens that an image of so many pixels is billed at."""
    tiles = -(-width // TILE) * -(-height // TILE)
    return IMAGE_TOKENS + TILE_TOKENS * min(MOST_TILES, tiles)


def image_size(kind: str, data: bytes) -> tuple[int, int] | None:
    """Width and height from the header; None where it is not such an image."""
    match kind:
        case "png":
            return _png_size(data)
        case "jpeg":
            return _jpeg_size(data)
        case _:
            return _webp_size(data)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _png_size(data: bytes) -> tuple[int, int] | None:
    if data[:8] != b"\x89PNG\r\n\x1a\n" or data[12:16] != b"IHDR" or len(data) < 33:
        return None
    return _big(data[16:20]), _big(data[20:24])


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """The largest frame header: a second one must not hide behind a small first one."""
    if data[:2] != b"\xff\xd8":
        return None
    sizes = []
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in JPEG_SIZES:
            sizes.append((_big(data[at + 7 : at + 9]), _big(data[at + 5 : at + 7])))
        if marker == 0xDA:
            break
        at += 1 if marker == 0xFF else 2 if marker in JPEG_BARE else 2 + max(2, _big(data[at + 2 : at + 4]))
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def _webp_size(data: bytes) -> tuple[int, int] | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    match data[12:16]:
        case b"VP8X":
            return 1 + _little(data[24:27]), 1 + _little(data[27:30])
        case b"VP8L":
            bits = _little(data[21:25])
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            return _little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF
        case _:
            return None


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
