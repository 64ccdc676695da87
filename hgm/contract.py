"""The agent contract (protocol 1), host side: what `agent.toml` says, and how an agent folder becomes files."""

import os
from fnmatch import fnmatch
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hgm.errors import AgentError, WorkspaceRejected
from sandboxes.base import Files
from sandboxes.snapshot import MIB, Bounds, read_folder
from trees.toml import tables

PROTOCOL = 1
MANIFEST = b"agent.toml"
NOTE = b"RUN-IN-A-SANDBOX.md"
"""What `hgm tree best --export` lays beside an agent's files; no part of the agent."""
IGNORED = frozenset({NOTE, b".git", b"__pycache__", b".venv", b".pytest_cache", b".mypy_cache", b".ruff_cache"})

_BOUNDS = Bounds(entries=20_000, total_bytes=64 * MIB, file_bytes=4 * MIB)


class Manifest(BaseModel):
    """`agent.toml`. Read from the root agent only; a child that changes the file is rejected."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    protocol: Literal[1]
    name: str = Field(min_length=1, max_length=60)
    kinds: tuple[Literal["solve", "improve", "gui"], ...] = Field(("solve", "improve"), min_length=1)
    """What it can be asked to do: mend code, change an agent's code, act on pages."""
    command: tuple[str, ...] = Field(min_length=1)
    """Run in /workspace; with `--self-test` appended it answers within 60 s without a gateway."""
    dialect: Literal["openai_chat_completions", "openai_responses", "anthropic_messages"] = "openai_chat_completions"
    """What it speaks to its model."""
    relay: bool = True
    """Start the relay first, so that OPENAI_BASE_URL answers; false for agents that use HGM_SOCKET themselves."""
    python: str = Field("3.9", pattern=r"^3\.\d+$")
    """The lowest interpreter it runs on."""
    layer: str | None = Field(None, min_length=1)
    """Path, in the agent's folder, of the requirements file of its layer (`hgm.layers`). As frozen as `agent.toml`."""
    editable: tuple[str, ...] = ("**",)
    """Globs of what a child may change, beside what is frozen."""
    frozen: tuple[str, ...] = ("agent.toml",)
    """Globs of what a child may never change. `agent.toml` is frozen whether it is named or not."""


def read_manifest(files: Files) -> Manifest:
    """The manifest of an agent's files.

    Raises:
        AgentError: it is missing or says something that protocol 1 does not know.
    """
    if MANIFEST not in files:
        raise AgentError("not an agent: no agent.toml at its top (see docs/bring-your-own-agent.md)")
    try:
        told = tables(files[MANIFEST].data.decode())
    except ValueError as error:  # no UTF-8, or no TOML
        raise AgentError(f"agent.toml is not TOML: {error}") from error
    try:
        return Manifest.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        raise AgentError(f"agent.toml: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def does(manifest: Manifest, kind: str) -> bool:
    """Whether an agent can be asked for this kind of work."""
    return kind in manifest.kinds


def read_agent(folder: Path) -> Files:
    """An agent folder of the user's as files, without version control and caches.

    Raises:
        AgentError: no such folder, no manifest, or it is too large to be an agent.
    """
    if not folder.is_dir():
        raise AgentError(f"{folder}: no such agent folder")
    try:
        found = _read(folder)
    except WorkspaceRejected as error:
        raise AgentError(f"{folder}: {error}") from error
    except OSError as error:
        raise AgentError(f"{folder}: cannot be read ({error.strerror})") from error
    files = {path: file for path, file in found.items() if not IGNORED & set(path.split(b"/"))}
    read_manifest(files)
    return files


def _read(folder: Path) -> Files:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return read_folder(handle, _BOUNDS).files
    finally:
        os.close(handle)


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether one of the globs fits; `*` crosses folders."""
    return any(fnmatch(path, pattern) for pattern in patterns)


def may_change(manifest: Manifest, path: str) -> bool:
    """Whether a child may differ from its parent in this file; in what decides its layer never, whatever it says."""
    if path in (MANIFEST.decode(), manifest.layer):
        return False
    return matches(path, manifest.editable) and not matches(path, manifest.frozen)


def self_test_command(manifest: Manifest) -> tuple[str, ...]:
    """How an editor tests the copy of an agent in its workspace."""
    return (*(word.replace("/hgm/agent/", "") for word in manifest.command), "--self-test")
