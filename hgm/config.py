"""Typed configuration: defaults, then a TOML file, then flags. An unknown key is an error."""

import math
import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    ValidationError,
    field_validator,
    model_validator,
)

from hgm.budget import Budget, plain
from hgm.budget import restored as restored_budget
from hgm.errors import ConfigError, JournalError
from hgm.jobs import Mode
from sandboxes.stdio import Transport
from trees.escape import told
from trees.toml import tables

BUILTIN = "builtin/rules"
SELF, FIXED, RANDOM, PLACEBO = EDITORS = ("self", "fixed", "random", "placebo")
"""Who modifies an agent: itself, the seed agent, or a program that asks no model. Any other editor is an AGENT."""
MOST_WORKERS = 64
_BITS = 63
"""Of a whole number."""


def default_workers(processors: int | None) -> int:
    """How many jobs run at the same time on so many processors where nobody says."""
    return min(processors or 1, MOST_WORKERS)


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )


def _plain_value(value: object) -> object:
    if not isinstance(value, bool | int | float | str) or value in (math.inf, -math.inf) or value != value:
        raise ValueError("a finite number, true, false or a word is wanted")
    return value


class PolicyConfig(_Record):
    """Which policy decides, and its options; those that a policy does not have are refused when it is made."""

    name: str = "hgm"
    options: dict[str, Annotated[bool | int | float | str, PlainValidator(_plain_value)]] = Field(default_factory=dict)
    """e.g. alpha = 0.6, root_evaluations = 5 (0 = as published), initial_expansions = 5."""


class Backbones(_Record):
    """`provider/model` of each role. Nothing asks the judge in this version."""

    editor: str = BUILTIN
    solver: str = BUILTIN
    diagnosis: str = BUILTIN
    judge: str = BUILTIN


class RoleSampling(_Record):
    """How a role's backbone is asked. What is not given is not sent: the provider's own default holds."""

    temperature: float | None = Field(None, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    reasoning_effort: str | None = Field(None, pattern=r"^[a-z]{1,16}$")
    """In the provider's words, e.g. low, medium, high."""
    thinking_tokens: int | None = Field(None, ge=1)
    """Of each answer, for anthropic/… models that think by a budget."""
    max_output_tokens: int = Field(8192, ge=16)
    """Of each answer, what the model thinks included. Every call reserves as much of the budget."""

    @property
    def imposed(self) -> dict[str, float | int | str]:
        """What is given, but for the length of an answer."""
        return self.model_dump(exclude={"max_output_tokens"}, exclude_none=True)


class Sampling(_Record):
    """The sampling of each role: agents have no say in it."""

    editor: RoleSampling = RoleSampling()
    solver: RoleSampling = RoleSampling()
    diagnosis: RoleSampling = RoleSampling()
    judge: RoleSampling = RoleSampling()


class ProviderConfig(_Record):
    """Where a provider is, and which environment variable holds its key."""

    base_url: str | None = None
    """e.g. http://127.0.0.1:8000/v1; with or without /v1. Without: where the provider itself is."""
    key: str | None = Field(None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """The variable's name, never the key. Without: OPENAI_API_KEY and the like."""
    seed: bool = True
    """Whether the server takes a `seed`; openai and anthropic never get one."""

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://none")
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("write an address like http://127.0.0.1:8000/v1, without anything behind the path")
        if parts.username or parts.password:
            raise ValueError(
                "an address is written down with the run, so it holds no password: put a key into a variable"
            )
        return url


class AgentLimits(_Record):
    """What one agent run may use."""

    solve_deadline_s: float = Field(60.0, gt=0)
    """Never more than the task's own. Without: 60, and 600 where the solver is a language model."""
    improve_deadline_s: float = Field(120.0, gt=0)
    """Without: 120, and 1800 where the editor is a language model."""
    memory_mb: int = Field(512, ge=64)
    pids: int = Field(64, ge=8)
    workspace_mb: int = Field(64, ge=1)
    max_calls: int = Field(200, ge=1)
    """Model calls per agent run."""
    tokens: int | None = Field(None, ge=1)
    """Of one job, all its agent runs and attempts together. Without: a part of the budget (docs/budget.md)."""
    usd: float | None = Field(None, gt=0)
    """The same in dollars; takes effect where the price of every backbone is known."""


class PriceConfig(_Record):
    """What a backbone costs, in USD per million tokens, whatever a list says."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cache_read: float | None = Field(None, ge=0)
    """Without: as `input`."""
    cache_write: float | None = Field(None, ge=0)
    """Without: as `input`."""


class DockerConfig(_Record):
    """How Docker sandboxes are made; whoever sets an image or a runtime is never given another kind of sandbox."""

    image: str | None = None
    """Instead of the lab's own image (`hgm image`). A run keeps the one it began with."""
    runtime: str | None = None
    """One of the engine's, e.g. runsc (gVisor) or kata: a stronger wall than the host's own kernel."""
    allow_build: bool = False
    """Whether images of tasks are built here from the benchmark's own Dockerfiles, with the network."""
    transport: Transport = "auto"
    """Whether files and sockets are mounted, or copied and relayed; the latter takes no engine on this machine."""


class ExpansionConfig(_Record):
    """What an expansion is shown, and what becomes of a child that only tries harder than its parent."""

    modes: dict[Mode, Annotated[float, Field(ge=0)]] | None = None
    """Mode -> weight, e.g. {filesystem = 3, single = 1}. Without: `reaction_norm` alone where the diagnosis is the
    rule-based program's, else a mix (docs/expansion.md)."""
    more_effort: Literal["note", "charge", "reject"] | None = None
    """Of edits that raise effort, attempts or limits, or bring back what an ancestor deleted. Without: `note` where the
    editor is the rule-based program, else `charge`."""
    charge_evaluations: int = Field(1, ge=1)
    """What `charge` takes from the budget for such a child."""

    @model_validator(mode="after")
    def _some_mode_has_weight(self) -> "ExpansionConfig":
        if self.modes is not None and not sum(self.modes.values()):
            raise ValueError("at least one mode needs a weight above 0")
        return self


class SelectionConfig(_Record):
    """Which tasks of the benchmark are used; all of them where nothing is said."""

    ids: tuple[str, ...] = ()
    """Names that people know, or the ids that agents know."""
    repo: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    difficulty: tuple[str, ...] = ()
    """Any of these; of benchmarks that tell."""
    without: tuple[str, ...] = ()
    """What is left out, e.g. what `hgm benchmark validate --quarantine` found."""
    sample: int | None = Field(None, ge=1)
    """So many of what is left: the same ones in every run, whatever its seed."""
    sample_seed: int = Field(0, ge=0)
    """Another number, another sample."""


class Confirmation(_Record):
    """What happens after the budget: confirming the winner, then opening the sealed tasks once."""

    candidates: int = Field(3, ge=1)
    """How many nodes, beside the root, are confirmed on select tasks."""
    select_tasks: int = Field(12, ge=0)
    sealed_tasks: int = Field(24, ge=0)
    """0 leaves the sealed tasks closed: then no gain is claimed."""
    sealed_repeats: int = Field(3, ge=1)
    accept_above_noise: bool = False
    """The seed agent wins unless the gain on select tasks is more than the calibration's noise band. Needs one."""


class SearchConfig(_Record):
    """Everything that a run needs to be run again. The resolved value is event 0 of its journal."""

    budget: Annotated[Budget, BeforeValidator(restored_budget), PlainSerializer(plain)]
    """800 (evaluations of the search itself; confirming and sealed ones come on top and are counted apart), "25usd",
    "10Mtok", "2h" (everything that the run does), or several joined by commas."""
    seed: int = Field(0, ge=0)
    workers: int = Field(default_factory=lambda: default_workers(os.cpu_count()), ge=1, le=MOST_WORKERS)
    sandbox: Literal["auto", "bubblewrap", "docker"] = "auto"
    """auto: Docker where an engine answers and has the image, else bubblewrap."""
    benchmark: str = "builtin"
    """A bundled benchmark's name, or the path of a folder of tasks in Harbor's format."""
    data: Path | None = None
    """Where the benchmark's records are, for those that need it."""
    selection: SelectionConfig = SelectionConfig()
    calibration: Path | None = None
    """What `hgm benchmark calibrate --write` wrote: of its always passed and always failed tasks, a tenth is kept."""
    agent: str = "seed"
    """The agent at the root."""
    editor: str = SELF
    """Who modifies an agent: `self`; `fixed`, the run's seed agent; `random`, an edit by chance; `placebo`, a comment,
    whose "gain" is chance and selection; or always the same AGENT."""
    policy: PolicyConfig = PolicyConfig()
    backbones: Backbones = Backbones()
    sampling: Sampling = Sampling()
    providers: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,23}$")], ProviderConfig] = Field(
        default_factory=dict
    )
    """By name: openai, anthropic, local, and any other that speaks as OpenAI does, which needs a base_url."""
    limits: AgentLimits = AgentLimits()
    prices: dict[str, PriceConfig] = Field(default_factory=dict)
    """`provider/model` -> its price, where no list has it, or a wrong one."""
    docker: DockerConfig = DockerConfig()
    expansion: ExpansionConfig = ExpansionConfig()
    confirmation: Confirmation = Confirmation()
    minimum_evaluations: int = Field(10, ge=1)
    """A node with fewer cannot be best-belief while one with as many exists."""

    @model_validator(mode="before")
    @classmethod
    def _language_models_take_their_time(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("backbones"), dict):
            return values
        limits = values.get("limits", {})
        if not isinstance(limits, dict):
            return values
        longer = {name: _PATIENT[name] for role, name in _WORKS if not _is_rules(values["backbones"].get(role))}
        return {**values, "limits": {**longer, **limits}}

    @model_validator(mode="after")
    def _thinking_is_anthropics(self) -> "SearchConfig":
        for role, sampling in self.sampling:
            backbone = getattr(self.backbones, role)
            if sampling.thinking_tokens is not None and not backbone.startswith("anthropic/"):
                raise ValueError(
                    f"sampling.{role}.thinking_tokens is for anthropic/… models: use reasoning_effort with {backbone}"
                )
        return self

    @model_validator(mode="after")
    def _noise_is_measured(self) -> "SearchConfig":
        if self.confirmation.accept_above_noise and self.calibration is None:
            raise ValueError("confirmation.accept_above_noise needs --calibration, which measures the noise")
        return self

    @model_validator(mode="after")
    def _docker_is_asked_for_by_its_settings(self) -> "SearchConfig":
        if self.sandbox == "bubblewrap" and (self.docker.image or self.docker.runtime):
            raise ValueError("an image or a runtime is for Docker sandboxes: leave it out, or --sandbox bubblewrap")
        return self

    @property
    def edits_by(self) -> Literal["agent", "random", "placebo"]:
        """Who makes the edits: an agent, which asks its model, or a program of the lab's, which asks nobody."""
        return "random" if self.editor == RANDOM else "placebo" if self.editor == PLACEBO else "agent"

    @property
    def editor_name(self) -> str:
        """The editor in a word; of an AGENT's path the last part."""
        return self.editor if self.editor in EDITORS else Path(self.editor).name


_WORKS = (("solver", "solve_deadline_s"), ("editor", "improve_deadline_s"))
_PATIENT = {"solve_deadline_s": 600.0, "improve_deadline_s": 1800.0}


def _is_rules(backbone: object) -> bool:
    """Of a value that nobody has checked; none is the default."""
    return backbone is None or is_builtin(str(backbone))


def is_builtin(backbone: str) -> bool:
    """Whether a backbone is the rule-based program, which is no language model."""
    return backbone.partition("/")[0] == BUILTIN.partition("/")[0]


def resolve(file: Path | None = None, **flags: Any) -> SearchConfig:
    """Merge a TOML file and flags (None = not given; nested keys as nested dicts) over the defaults.

    Raises:
        ConfigError: the file is unreadable, a key unknown or a value out of range.
    """
    values = merge(_read(file) if file else {}, flags)
    _check_numbers(values)
    try:
        return SearchConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(_explained(error)) from error


def restored(values: object) -> SearchConfig:
    """The configuration of a run's event 0, as this version or an older one wrote it.

    Raises:
        JournalError: this version has other settings, or other limits on them.
    """
    try:
        return SearchConfig.model_validate(_upgraded(values))
    except ValidationError as error:
        raise JournalError(f"this version of hgm cannot use the run's configuration: {_explained(error)}") from error


def _upgraded(values: Any) -> Any:
    """In today's words: the placebo was a setting beside the editor once, and a sample was drawn by the run's seed."""
    if not isinstance(values, dict):
        return values
    now = {name: value for name, value in values.items() if name != "placebo"}
    if values.get("placebo") is True:
        now["editor"] = PLACEBO
    selection = values.get("selection")
    if isinstance(selection, dict) and selection.get("sample") is not None:
        now["selection"] = {"sample_seed": values.get("seed", 0), **selection}
    return now


def _explained(error: ValidationError) -> str:
    return "; ".join(_explain(item) for item in error.errors())


def known_settings() -> tuple[str, ...]:
    """Every setting, dotted, as `-o` takes it."""
    return tuple(_dotted(SearchConfig))


def _dotted(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _dotted(field.annotation, f"{prefix}{name}.")
        else:
            yield prefix + name


def _read(file: Path) -> dict[str, Any]:
    try:
        return tables(file.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ConfigError(f"{file}: not a TOML file: {error}") from error


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with what `over` says in its place, level by level; None says nothing."""
    merged = dict(base)
    for key, value in over.items():
        if isinstance(value, dict):
            inner = merged.get(key, {})
            merged[key] = merge(inner if isinstance(inner, dict) else {}, value)
        elif value is not None:
            merged[key] = value
    return merged


def _check_numbers(values: Mapping[str, Any], above: str = "") -> None:
    """No setting needs a larger whole number, and Python neither prints nor divides the largest."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            _check_numbers(value, f"{above}{name}.")
        elif isinstance(value, int) and value.bit_length() > _BITS:
            raise ConfigError(f"{above}{name}: {told(value)}: at most {_BITS} bits are taken")


def _explain(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"]) or "configuration"
    if item["type"] == "extra_forbidden":
        return f"{where}: no such setting; {_nearest(where)}"
    if item["type"] == "missing":
        return f"{where}: not given; set it with a flag or in the configuration file"
    said = item["msg"].removeprefix("Value error, ")
    if where.endswith((".base_url", ".key")):
        return f"{where}: {said}"  # what stands there may be a secret
    return f"{where}: {said}, not {told(item['input'])}" if item["loc"] else said


def _nearest(setting: str) -> str:
    known = known_settings()
    close = get_close_matches(setting, known, n=1) or get_close_matches(setting.rpartition(".")[2], known, n=1)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
