"""Rules of the house that no single file shows: import layers, dependencies in their places, settings that are read."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import BaseModel

from hgm.config import RoleSampling, SearchConfig
from hgm.gateway.records import ROLES

ROOT = Path(__file__).parents[1]
PACKAGES = ("hgm", "sandboxes", "evaluators", "trees")
DATA = (
    "hgm/agents/seed/",
    "hgm/agents/gui_seed/",
    "hgm/harbor/",
    "evaluators/tasks/",
    "evaluators/templates/",
    "evaluators/inside/",
    "sandboxes/inside/",
)
"""Folders of programs that are data to the lab: nothing imports them."""

MAY_IMPORT = {
    "hgm.errors": set(),
    "trees": {"hgm.errors", "trees"},
    "sandboxes": {"hgm.errors", "sandboxes"},
    "evaluators": {"hgm.errors", "trees", "sandboxes", "evaluators"},
    "hgm": {"hgm.errors", "trees", "sandboxes", "evaluators", "hgm"},
}
"""Layer -> the layers that it may import, lowest first."""

LIBRARIES = {
    "anthropic": ("anthropic", ["hgm/backbones/anthropic_sdk.py"]),
    "datasets": ("swebench", ["evaluators/swebench_data.py"]),
    "docker": ("docker", ["sandboxes/engine.py"]),
    "git": ("gitpython", ["trees/gitpython.py"]),
    "gitdb": ("gitpython", ["trees/objects.py"]),
    "genai_prices": ("genai-prices", ["hgm/backbones/prices.py"]),
    "h11": ("uvicorn", ["hgm/gateway/wire.py"]),
    "httpx2": ("httpx2", ["hgm/gateway/", "hgm/backbones/ask.py"]),
    "networkx": ("networkx", ["trees/export/graphs.py"]),
    "numpy": ("numpy", ["trees/", "hgm/plan.py", "hgm/history.py", "hgm/document.py", "hgm/viewing.py"]),
    "openai": ("openai", ["hgm/backbones/openai_sdk.py"]),
    "pydantic": ("pydantic", ["hgm/config.py", "hgm/contract.py", "evaluators/"]),
    "pydantic_core": ("pydantic", ["trees/canonical.py"]),
    "pytest": ("pytest", ["evaluators/inside/suite.py"]),
    "requests": ("docker", ["sandboxes/engine.py"]),
    "rich": ("rich", ["hgm/cli/"]),
    "scipy": ("scipy", ["trees/policies/knowledge_gradient.py", "trees/statistics.py"]),
    "starlette": ("starlette", ["hgm/gateway/", "hgm/serving.py"]),
    "tomli_w": ("tomli-w", ["hgm/run.py"]),
    "swebench": ("swebench", ["evaluators/swebench_harness.py"]),
    "typer": ("typer", ["hgm/cli/"]),
    "uvicorn": ("uvicorn", ["hgm/gateway/", "hgm/cli/serve.py"]),
    "urllib3": ("docker", ["sandboxes/engine.py"]),
    "zstandard": ("zstandard", ["hgm/trajectories.py"]),
}
"""Module -> its distribution, and the only files or folders that may import it."""

FILES_ONLY = {"miniwob", "playwright"}
"""Distributions that bring files; nothing of them is imported."""

ALONE = {
    "hgm/backbones/builtin/": {"hgm.errors"},
    "hgm/contract_check.py": set(),
    "hgm/gateway/relay.py": set(),
    "evaluators/inside/": {"pytest"},
    "sandboxes/inside/": set(),
}
"""What runs in a sandbox or a process of its own -> what it imports beside the standard library and its own folder."""


class Import(NamedTuple):
    file: str
    line: int
    module: str
    """Dotted name of the module, or of what might be one (`from hgm import errors` -> hgm.errors)."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def sources() -> list[str]:
    return [path for path in programs() if not path.startswith(DATA)]


def programs() -> list[str]:
    """All Python files, those that are data included."""
    return sorted(path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*.py"))


def imports_of(file: str) -> Iterator[Import]:
    for node in ast.walk(ast.parse((ROOT / file).read_bytes(), file)):
        if isinstance(node, ast.Import):
            yield from (Import(file, node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*_package_of(file, node.level), node.module or ""]).strip(".")
            yield from (Import(file, node.lineno, _module(base, alias.name)) for alias in node.names)


def _package_of(file: str, level: int) -> list[str]:
    return file.split("/")[: len(file.split("/")) - level] if level else []


def _module(base: str, name: str) -> str:
    """`from base import name` may name a module of ours; else it is the base that is imported."""
    path = ROOT / base.replace(".", "/") / name
    return f"{base}.{name}" if path.with_suffix(".py").is_file() or path.is_dir() else base


def layer(module: str) -> str:
    return "hgm.errors" if module in ("hgm", "hgm.errors") else module.split(".")[0]


def layer_of_file(file: str) -> str:
    return layer(file.removesuffix(".py").removesuffix("/__init__").replace("/", "."))


def every_import() -> list[Import]:
    return [found for file in sources() for found in imports_of(file)]


def test_imports_go_down_the_layers_only():
    ours = [found for found in every_import() if found.module.split(".")[0] in PACKAGES]
    assert len(ours) > 50, "the search for imports finds next to nothing"
    wrong = [str(found) for found in ours if layer(found.module) not in MAY_IMPORT[layer_of_file(found.file)]]
    assert not wrong


def test_the_error_tree_and_the_package_above_it_import_nothing_of_ours():
    assert not list(imports_of("hgm/__init__.py"))
    assert not [found for found in imports_of("hgm/errors.py") if found.module.split(".")[0] in PACKAGES]


def test_nothing_imports_what_is_data():
    data = tuple(place.replace("/", ".") for place in DATA)
    assert not [str(found) for found in every_import() if f"{found.module}.".startswith(data)]


def test_libraries_are_imported_where_they_belong():
    known = {*sys.stdlib_module_names, *PACKAGES}
    foreign = [found for found in every_import() if found.module.split(".")[0] not in known]
    assert foreign
    wrong = [str(found) for found in foreign if not found.file.startswith(tuple(_places(found.module)))]
    assert not wrong, "see LIBRARIES in this file; a new dependency needs a reason in its commit"


def _places(module: str) -> list[str]:
    return LIBRARIES.get(module.split(".")[0], ("", ["nowhere"]))[1]


def test_every_dependency_is_used_and_every_used_one_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["swebench"], *extras["gui"]]
    declared = {re.split(r"[<>=!~\[ ;]", line)[0] for line in lines}
    assert declared == {distribution for distribution, _ in LIBRARIES.values()} | FILES_ONLY
    used = {found.module.split(".")[0] for file in programs() for found in imports_of(file)}
    assert sorted(set(LIBRARIES) - used) == [], "declared, and imported nowhere"


@pytest.mark.parametrize("place", ALONE)
def test_what_runs_alone_needs_nothing_else(place):
    files = [file for file in programs() if file.startswith(place)]
    assert files
    own = place.removesuffix(".py").strip("/").replace("/", ".")
    found = [item for file in files for item in imports_of(file)]
    assert not [str(item) for item in found if not is_allowed(item.module, own, ALONE[place])]


def is_allowed(module: str, own: str, more: set[str]) -> bool:
    return module.split(".")[0] in sys.stdlib_module_names or module in more or f"{module}.".startswith(f"{own}.")


@pytest.mark.parametrize("name", ["seed", "gui_seed"])
def test_a_seed_agent_is_standard_library_only_and_of_its_python(name):
    folder = ROOT / "hgm/agents" / name
    files = sorted(folder.rglob("*.py"))
    assert files
    siblings = {path.stem for path in files} | {path.name for path in folder.iterdir() if path.is_dir()}
    for path in files:
        ast.parse(path.read_bytes(), str(path), feature_version=(3, 9))
        found = imports_of(path.relative_to(ROOT).as_posix())
        assert not [str(item) for item in found if item.module.split(".")[0] not in sys.stdlib_module_names | siblings]


def test_tests_use_no_mocks():
    tests = [path for path in (ROOT / "tests").rglob("*.py") if path != Path(__file__)]
    assert len(tests) > 3
    nodes = [(path, node) for path in tests for node in ast.walk(ast.parse(path.read_bytes(), str(path)))]
    imports = [(path, ast.unparse(node)) for path, node in nodes if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert not [f"{path}: {text}" for path, text in imports if re.search(r"\bmock\b", text)]


def leaves(model: type[BaseModel], carriers: tuple[str, ...] = ("config",)) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every setting with the names of what it is read from, as in `config.limits.pids` or `limits.pids`."""
    for name, info in model.model_fields.items():
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from leaves(info.annotation, (name,))
        else:
            yield name, carriers


def reads() -> set[tuple[str, str]]:
    """(carrier, field) of every `….carrier.field` and `carrier.field` outside the configuration itself."""
    files = [file for file in sources() if file != "hgm/config.py"]
    nodes = (node for file in files for node in ast.walk(ast.parse((ROOT / file).read_bytes())))
    return {
        (node.value.attr if isinstance(node.value, ast.Attribute) else node.value.id, node.attr)
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute | ast.Name)
    }


READ_TOGETHER = {("backbones", "judge"), *((role, name) for role in ROLES for name in RoleSampling.model_fields)}
"""Read with all others of its kind (`backbones.model_dump()`, `sampling.imposed`)."""


def test_every_setting_is_read():
    settings = {(carrier, name) for name, carriers in leaves(SearchConfig) for carrier in carriers}
    assert ("confirmation", "sealed_repeats") in settings
    assert ("backbones", "model_dump") in reads()
    unread = settings - reads() - READ_TOGETHER
    assert sorted(unread) == []
