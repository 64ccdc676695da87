"""A run's tree as one page that asks nobody for anything: `hgm tree export --format html`, and what `hgm serve` serves.

The page is `viewer/`'s script and style, which are built from the repository's folder of that name, and data beside
them. Everything in the data was written by agents, models or benchmarks: it is base64 of packed JSON, so that nothing
of it can be markup, and a content security policy lets no other script run, and nothing be asked for.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

_LEVEL = 4


class Talk(NamedTuple):
    """A trajectory, packed."""

    run: str
    job: str
    packed: str


def page(
    documents: Iterable[str],
    *,
    title: str,
    diffs: Mapping[str, Mapping[int, str]],
    logs: Mapping[str, Any],
    talks: Iterable[Talk],
) -> Iterator[str]:
    """The page in pieces. `documents` are JSON texts of `trees.export.json`; the rest is by run, see `viewer/src`."""
    yield _head(title, connect="'none'")
    yield _data("hgm-documents", packed("[" + ",".join(documents) + "]"))
    yield _data("hgm-diffs", packed(json.dumps(diffs)))
    yield _data("hgm-logs", packed(json.dumps(logs)))
    for talk in talks:
        named = f'class="hgm-trajectory" data-run="{escape(talk.run)}" data-job="{escape(talk.job)}"'
        yield f'<script type="text/plain" {named}>{talk.packed}</script>\n'
    yield _foot()


def served_page(title: str) -> str:
    """The page that asks its own server for the data."""
    return _head(title, connect="'self'", more='<meta name="hgm-server" content="1">') + _foot()


def packed(text: str) -> str:
    """Text as base64 of its gzip form; the same text gives the same."""
    return base64.b64encode(gzip.compress(text.encode(), _LEVEL, mtime=0)).decode("ascii")


def policy(*, connect: str) -> str:
    """The content security policy of a page that may connect there."""
    rules = {
        "default-src": "'none'",
        "script-src": _hash(_asset("app.js")),
        "style-src": _hash(_asset("app.css")),
        "img-src": "data:",
        "connect-src": connect,
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _head(title: str, *, connect: str, more: str = "") -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy(connect=connect))}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n{more}<title>{escape(title)}</title>\n'
        f'<style>{_asset("app.css")}</style>\n</head>\n<body>\n<div id="app"></div>\n'
    )


def _data(name: str, text: str) -> str:
    return f'<script type="text/plain" id="{name}">{text}</script>\n'


def _foot() -> str:
    return f'<script type="module">{_asset("app.js")}</script>\n</body>\n</html>\n'


def _asset(name: str) -> str:
    return files("trees.export").joinpath("viewer", name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
