"""Opens a benchmark by name or path, and checks one."""

from pathlib import Path

from evaluators.base import Benchmark
from evaluators.builtin import BuiltinBenchmark
from hgm.errors import ConfigError

NAMES = ("builtin",)


def open_benchmark(name: str, data: Path | None = None, **options: int) -> Benchmark:
    """The benchmark of that name, or the folder of tasks in Harbor's format at that path.

    Raises:
        ConfigError: there is no such benchmark, or it needs data that was not given; says what exists.
        EvaluatorError: its records are unusable.
    """
    if name == "builtin":
        return BuiltinBenchmark(**options)
    raise ConfigError(f"no benchmark {name!r}; there are: {', '.join(NAMES)}")
