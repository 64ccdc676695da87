"""What a task in Harbor's format needs of its environment: an image, or what cannot be had here.

A plain task (its Dockerfile only copies `environment/workspace`) runs in any sandbox. Any other is worked on in its own
image, built from `environment/` or pulled by the name that it gives, without a network. What counts is what changes
below its working directory; services that the image would start are not.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from evaluators.base import Environment
from hgm.errors import EvaluatorError
from sandboxes.base import Files
from sandboxes.recipes import Recipe

_PLAIN = frozenset({"FROM", "WORKDIR", "COPY", "ENV", "LABEL", "CMD", "USER", "ENTRYPOINT"})
_DEFAULT_FOLDER = "/app"
_FOLDER = re.compile(r"(/[A-Za-z0-9_.-]+)+")
_WORKDIR = re.compile(r"^[ \t]*WORKDIR[ \t]+[\"']?([^\s\"']+)", re.IGNORECASE | re.MULTILINE)
_LEAST_MB, _PIDS, _WORKSPACE_MB = 2048, 512, 2048
_MOST_MB = 64 << 10
_DOWNLOADS = re.compile(
    r"(\b(?:apt-get|apt|apk|dnf|pip3?|uv|npm|pnpm|yarn|cargo|gem|conda)\s+(?:-\S+\s+)*(?:install|add|update|sync)\b"
    r"|\b(?:curl|wget)\s+\S|\buvx\s|\bgit\s+clone\s+\S*https?:)"
)
_HERE = ("localhost", "127.0.0.1")
_LINE_CHARS = 500
_SIZES = {"G": 1024.0, "M": 1.0, "K": 1 / 1024}


class EnvironmentTable(BaseModel):
    """[environment] of task.toml, as far as this lab reads it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    os: str = "linux"
    gpus: int | None = None
    tpu: Any = None
    docker_image: str | None = Field(default=None, pattern=r"\A[A-Za-z0-9][A-Za-z0-9._/:@-]{0,300}\z", min_length=1)
    workdir: str | None = None
    memory_mb: int = Field(default=0, ge=0, le=_MOST_MB)
    network_mode: Literal["no-network", "public", "allowlist"] | None = None
    allow_internet: bool | None = None
    mcp_servers: tuple[Any, ...] = ()
    healthcheck: Any = None
    env: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _older_spelling(cls, values: Any) -> Any:
        """`memory = "2G"` of schema 1.0."""
        if not isinstance(values, dict) or not isinstance(values.get("memory"), str):
            return values
        found = re.fullmatch(r"([0-9.]{1,10})([GMK])", values["memory"].strip().upper())
        if not found:
            raise ValueError("memory: write it as 2G or 512M")
        return {**values, "memory_mb": int(float(found[1]) * _SIZES[found[2]])}


def refusal(table: EnvironmentTable, files: Files, *, verifier_env: Mapping[str, str]) -> str:
    """Why a task cannot be done here, from its [environment], [verifier.env] and files; empty if it can.

    Only `environment/` names and the text of `tests/test.sh` are looked at.
    """
    reasons = {
        "it is for another system than Linux": table.os.lower() != "linux",
        "it needs a GPU or TPU": bool(table.gpus or table.tpu),
        "it needs other services (environment/docker-compose.yaml)": _has_compose(files),
        "it needs MCP servers": bool(table.mcp_servers),
        "it waits for a service that its image starts (healthcheck)": table.healthcheck is not None,
        "it needs a network": table.allow_internet is True or table.network_mode in ("public", "allowlist"),
        "its environment takes variables of the host": _asks_host(table.env),
        "its verifier takes variables of the host": _asks_host(verifier_env),
    }
    for reason, holds in reasons.items():
        if holds:
            return reason
    script = files[b"tests/test.sh"].data.decode(errors="replace") if b"tests/test.sh" in files else ""
    for line in (line.strip()[:_LINE_CHARS] for line in script.splitlines()):
        if not line.startswith("#") and not any(here in line for here in _HERE) and (found := _DOWNLOADS.search(line)):
            return f"its tests download something ({found[1].strip()[:40]!r} in tests/test.sh): grading has no network"
    return ""


def _asks_host(env: Mapping[str, str]) -> bool:
    return any("${" in value for value in env.values())


def _has_compose(files: Files) -> bool:
    return any(path.startswith(b"environment/docker-compose") for path in files)


def environment(table: EnvironmentTable, files: Files, where: str, *, is_sealed: bool) -> Environment | None:
    """The image that the task is worked on in; None for a plain one.

    Raises:
        EvaluatorError: a part is missing or unusable; says which.
    """
    dockerfile = files.get(b"environment/Dockerfile")
    if dockerfile is None and table.docker_image is None:
        raise EvaluatorError(f"{where}: environment/Dockerfile is missing")
    text = "" if dockerfile is None else _text(dockerfile.data, where)
    if table.docker_image is None and _is_plain(text, files):
        return None
    stages = re.split(r"^[ \t]*FROM[ \t]", text, flags=re.IGNORECASE | re.MULTILINE)
    named = table.workdir or next(reversed(_WORKDIR.findall(stages[-1])), _DEFAULT_FOLDER)
    if not _FOLDER.fullmatch(named) or ".." in named.split("/"):
        raise EvaluatorError(f"{where}: nobody can tell what changes below its working directory {named!r}")
    recipe = None
    if table.docker_image is None:
        recipe = Recipe(repository="hgm-task", context=_below(files, b"environment/"))
    return Environment(
        image=table.docker_image or (recipe.image if recipe else ""),
        recipe=recipe,
        folder=named,
        is_sealed=is_sealed,
        env=table.env,
        memory_mb=max(_LEAST_MB, table.memory_mb),
        pids=_PIDS,
        workspace_mb=_WORKSPACE_MB,
    )


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise EvaluatorError(f"{where}/environment/Dockerfile: not UTF-8 text") from error


def _is_plain(text: str, files: Files) -> bool:
    lines = (line.split() for line in text.replace("\\\n", " ").splitlines())
    words = {words[0].upper() for words in lines if words and not words[0].startswith("#")}
    return words <= _PLAIN and any(path.startswith(b"environment/workspace/") for path in files)


def _below(files: Files, prefix: bytes) -> Files:
    return {path[len(prefix) :]: file for path, file in files.items() if path.startswith(prefix)}
