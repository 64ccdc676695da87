"""Flags that several commands share, and how their words become values."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hgm.errors import ConfigError
from trees.escape import shortened
from trees.toml import tables

if TYPE_CHECKING:
    from evaluators.selection import Selection

_LIMITS = (
    *(f"limits.{name}" for name in ("solve_deadline_s", "memory_mb", "pids", "workspace_mb", "max_calls", "tokens")),
    *(f"docker.{name}" for name in ("image", "runtime", "transport")),
    *(f"sampling.solver.{name}" for name in ("temperature", "top_p", "reasoning_effort", "thinking_tokens")),
    "sampling.solver.max_output_tokens",
    "providers",
)
"""The settings of an evaluation that have no flag of their own."""
_DEEPEST = 8
"""Parts of a dotted key, at most: no setting has as many."""
_FLAGS = {
    "backbones": "--backbone",
    "data": "--data",
    "sandbox": "--sandbox",
    "seed": "--seed",
    "selection": "--ids, --repo, --language, --difficulty, --quarantine, --sample or --sample-seed",
    "workers": "--workers",
}
"""Those that have one, by the first part of their names."""

RunsDir = Annotated[Path, typer.Option("--runs-dir", metavar="DIR", help="Where runs are.")]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="A run's name under --runs-dir, or a path with a slash.")]
BenchmarkName = Annotated[
    str,
    typer.Option("--benchmark", metavar="NAME|PATH", help="A bundled benchmark, a folder of tasks, or its git URL."),
]
Data = Annotated[
    Path | None, typer.Option("--data", metavar="PATH", help="The benchmark's records, where it needs a file of them.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", "-o", metavar="KEY=VALUE", help="Any other setting, dotted; may be repeated. -o limits.memory_mb=256"
    ),
]
Limits = Annotated[
    list[str] | None,
    typer.Option(
        "--set", "-o", metavar="KEY=VALUE", help="A setting of an agent run; may be repeated. -o limits.memory_mb=256"
    ),
]
Sandbox = Annotated[
    str | None, typer.Option("--sandbox", metavar="auto|bubblewrap|docker", help="Where untrusted code runs.")
]
DockerRuntime = Annotated[
    str | None, typer.Option("--docker-runtime", metavar="NAME", help="One of the engine's, e.g. runsc or kata.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No display; only the result.")]
JsonLines = Annotated[
    bool,
    typer.Option("--json", help="Progress for programs: one JSON object per line, nothing else (docs/json-lines.md)."),
]
Workers = Annotated[int | None, typer.Option("--workers", metavar="N", help="Jobs at the same time.")]
Backbone = Annotated[
    str | None, typer.Option("--backbone", metavar="PROVIDER/MODEL", help="The model behind every role.")
]
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="Where local/… is.  [default: http://127.0.0.1:8000/v1]"),
]

Budgeted = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="BUDGET",
        help="Evaluations (40), or 25usd, 10Mtok, 2h for everything; or several: 200,25usd.",
    ),
]

Ids = Annotated[
    list[str] | None,
    typer.Option("--ids", metavar="A,B|@FILE", help="Only these tasks: names, or a file with one per line."),
]
Repo = Annotated[
    list[str] | None, typer.Option("--repo", metavar="OWNER/NAME", help="Only this repository's; repeatable.")
]
Language = Annotated[list[str] | None, typer.Option("--language", metavar="NAME", help="Only this one's; repeatable.")]
Difficulty = Annotated[
    list[str] | None, typer.Option("--difficulty", metavar="NAME", help="Only this one; repeatable.")
]
Quarantine = Annotated[
    Path | None, typer.Option("--quarantine", metavar="FILE", help="Leave out the tasks that this file names.")
]
AllowBuild = Annotated[
    bool,
    typer.Option("--allow-build", help="Build the images of tasks from the benchmark's Dockerfiles, with the network."),
]
Sample = Annotated[int | None, typer.Option("--sample", metavar="N", help="N of them: the same ones with any --seed.")]
SampleSeed = Annotated[
    int | None, typer.Option("--sample-seed", metavar="K", help="Another K, another --sample.  [default: 0]")
]

RUNS_DIR = Path("runs")


def selection(
    ids: list[str] | None,
    repo: list[str] | None,
    language: list[str] | None,
    difficulty: list[str] | None,
    quarantine: Path | None,
    sample: int | None,
    sample_seed: int | None,
) -> dict[str, Any]:
    """What the flags above mean among the settings; nothing where none is given.

    Raises:
        ConfigError: a list of names cannot be read.
    """
    named = [name for word in ids or () for name in (_listed(Path(word[1:])) if word[:1] == "@" else word.split(","))]
    return {
        "ids": [name.strip() for name in named if name.strip()] or None,
        "repo": repo or None,
        "language": language or None,
        "difficulty": difficulty or None,
        "without": _listed(quarantine) or None if quarantine else None,
        "sample": sample,
        "sample_seed": sample_seed,
    }


def chosen(
    ids: list[str] | None,
    repo: list[str] | None,
    language: list[str] | None,
    difficulty: list[str] | None,
    quarantine: Path | None,
    sample: int | None,
    sample_seed: int | None,
) -> "Selection":
    """The same flags, for a command that makes no run.

    Raises:
        ConfigError: a list of names cannot be read.
    """
    from hgm.config import resolve
    from hgm.session import selection_of

    said = selection(ids, repo, language, difficulty, quarantine, sample, sample_seed)
    return selection_of(resolve(None, budget=1, selection=said))


def _listed(file: Path) -> list[str]:
    """The first word of each line that is no comment."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    return [words[0] for line in lines if (words := line.split()) and not words[0].startswith("#")]


def settings(pairs: list[str] | None) -> dict[str, Any]:
    """`["limits.pids=32"]` as nested values; a value is read as TOML, and as text where it is none.

    Raises:
        ConfigError: not KEY=VALUE.
    """
    values: dict[str, Any] = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        names = _names(key.strip())
        if not equals or not all(names) or not 0 < len(names) <= _DEEPEST:
            raise ConfigError(f"-o {shortened(pair)}: write KEY=VALUE, e.g. -o limits.memory_mb=256")
        _nest(values, names, _value(value.strip()))
    return values


def served_at(base_url: str | None) -> dict[str, Any]:
    """What --base-url means among the settings."""
    return {} if base_url is None else {"providers": {"local": {"base_url": base_url}}}


def limits_alone(pairs: list[str] | None, *, agent: str, benchmark: str) -> dict[str, Any]:
    """`settings` of a command that only evaluates an agent; `agent` and `benchmark` are how it takes those.

    Raises:
        ConfigError: not KEY=VALUE, or a setting that would be ignored.
    """
    from hgm.config import known_settings

    values = settings(pairs)
    flags = {**_FLAGS, "agent": agent, "benchmark": benchmark}
    for key in _leaves(values):
        known = next((name for name in known_settings() if key == name or key.startswith(f"{name}.")), None)
        if known is None or known in _LIMITS:
            continue  # an unknown one is explained where values are checked
        if (flag := flags.get(known.partition(".")[0])) is not None:
            raise ConfigError(f"-o {key}: give it as {flag}")
        raise ConfigError(f"-o {key}: only a search uses it; here there are: {', '.join(_LIMITS)}")
    return values


def _names(key: str) -> list[str]:
    """The parts of a dotted key; one in quotes may hold dots and slashes, as in TOML."""
    try:
        parsed: Any = tables(f"{key} = 0")
    except ValueError:
        return key.split(".")
    names = []
    while isinstance(parsed, dict) and len(parsed) == 1:
        ((name, parsed),) = parsed.items()
        names.append(name)
    return names


def _leaves(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _nest(values: dict[str, Any], names: list[str], value: Any) -> None:
    for name in names[:-1]:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"-o {'.'.join(names)}: {name} was given a value of its own already")
        values = inner
    values[names[-1]] = value


def _value(text: str) -> Any:
    try:
        parsed = tables(f"value = {text}")
    except ValueError:
        return text
    return parsed["value"] if parsed.keys() == {"value"} else text


def only_lines(*, json: bool, quiet: bool, dry_run: bool = False) -> None:
    """Refuse what --json contradicts.

    Raises:
        ConfigError: --quiet or --dry-run beside it.
    """
    if json and quiet:
        raise ConfigError("--json tells what happens and --quiet does not: leave one of them out")
    if json and dry_run:
        raise ConfigError("--json tells how a search goes on, and --dry-run begins none: leave one of them out")


def at_least_one(value: int | None, flag: str) -> None:
    """Refuse a count below one.

    Raises:
        ConfigError: it is.
    """
    if value is not None and value < 1:
        raise ConfigError(f"{flag} {value}: give a whole number of at least 1")


def at_most(value: int | None, most: int, flag: str) -> None:
    """Refuse a count above `most`.

    Raises:
        ConfigError: it is.
    """
    if value is not None and value > most:
        raise ConfigError(f"{flag} {value}: give a whole number of at most {most}")


def writable(file: Path, flag: str) -> None:
    """Refuse a file that could not be written in the end, before anything is spent.

    Raises:
        ConfigError: its folder is not there or not writable, or it is a folder itself.
    """
    folder = file.absolute().parent
    if os.path.isdir(file) or not os.access(folder, os.W_OK) or (os.path.exists(file) and not os.access(file, os.W_OK)):
        raise ConfigError(f"{flag} {file}: cannot be written: name a file in a folder that exists and is yours")
