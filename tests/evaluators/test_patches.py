import pytest

from evaluators.patches import overlay, sanitise
from sandboxes.base import File

BASE = {b"a.py": File(b"a"), b"run": File(b"#!/bin/sh", "100755"), b"link": File(b"a.py", "120000")}


def test_what_is_unchanged_stays():
    assert sanitise(BASE, BASE) == BASE


def test_changes_additions_and_deletions_count():
    taken = {b"a.py": File(b"b"), b"new/c.py": File(b"c")}
    assert sanitise(BASE, taken) == taken


@pytest.mark.parametrize(
    "path",
    [
        b".git/config", b".GIT/hooks/x", b"sub/.git", b"__pycache__/a.cpython-311.pyc", b"x.pyc", b"../up", b"/abs",
        b"a//b", b"a/./b", b"nul\0", b"", b".pytest_cache/x",
    ],
)  # fmt: skip
def test_names_that_cannot_count_are_left_out(path):
    assert sanitise(BASE, {**BASE, path: File(b"evil")}) == BASE


@pytest.mark.parametrize("target", [b"/etc/passwd", b"b.py", b"../../x"])
def test_links_stay_only_if_unchanged(target):
    taken = {b"a.py": File(target, "120000"), b"link": File(target, "120000"), b"new": File(b"a.py", "120000")}
    assert sanitise(BASE, taken) == {}


def test_a_link_may_become_a_file():
    assert sanitise(BASE, {b"link": File(b"text")}) == {b"link": File(b"text")}


def test_the_executable_bit_is_the_bases_or_a_new_scripts():
    taken = {
        b"a.py": File(b"#!x", "100755"),
        b"run": File(b"#!/bin/sh", "100644"),
        b"new.sh": File(b"#!/bin/sh", "100755"),
        b"data": File(b"\x7fELF", "100755"),
        b"link": File(b"#!/bin/sh", "100755"),
    }
    modes = {path: file.mode for path, file in sanitise(BASE, taken).items()}
    assert modes == {b"a.py": "100644", b"run": "100755", b"new.sh": "100755", b"data": "100644", b"link": "100755"}


def test_a_name_that_is_not_text_counts():
    taken = {b"\xff\xfe": File(b"x")}
    assert sanitise(BASE, taken) == taken


def test_overlay_wins_over_files_and_folders():
    base = {b"a": File(b"1"), b"b/c": File(b"2"), b"b/d": File(b"3"), b"e": File(b"4")}
    changed = {b"a/x": File(b"5"), b"b": File(b"6"), b"e": File(b"7")}
    assert overlay(base, changed) == changed


def test_overlay_keeps_the_rest():
    assert overlay(BASE, {b"sub/x": File(b"1")}) == {**BASE, b"sub/x": File(b"1")}
