"""SWE-bench's own harness, as a library: its evaluation script, its log parser, its verdict. Version 5.

The only module that imports it; it comes with the extra `swebench`.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evaluators.base import Json
from hgm.errors import ConfigError, EvaluatorError

MISSING = "SWE-bench's harness is not installed: pip install 'hgm-lab[swebench]'"
FAILED = frozenset({"FAILED", "ERROR"})
_MODEL = "hgm"


class Report(NamedTuple):
    """What the harness makes of a log."""

    resolved: bool
    is_readable: bool
    """It found results in the log at all."""
    tests: Mapping[str, bool]
    """Test that must pass -> whether it did."""


def must_be_there() -> None:
    """Return if the harness can be used.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        import swebench  # noqa: F401
    except ImportError as error:
        raise ConfigError(MISSING) from error


def eval_type(repo: str) -> str:
    """How the harness grades a repository's instances: by passes and failures, or by failures alone."""
    from swebench.harness.constants import FAIL_ONLY_REPOS, EvalType

    return str((EvalType.FAIL_ONLY if repo in FAIL_ONLY_REPOS else EvalType.PASS_AND_FAIL).value)


def script(row: Mapping[str, Json]) -> str:
    """The evaluation script of an instance, as the harness runs it.

    Raises:
        EvaluatorError: the record is not one of version 5.
    """
    return str(_spec(row).eval_script)


def statuses(row: Mapping[str, Json], log: bytes) -> dict[str, str]:
    """Every test that the harness's parser finds in a log, and PASSED, FAILED, ERROR, SKIPPED or XFAIL.

    Raises:
        EvaluatorError: the parser fails.
    """
    from swebench.harness.grading import get_logs_eval

    spec = _spec(row)
    try:
        with tempfile.TemporaryDirectory(prefix="hgm-log-") as folder:
            found, _ = get_logs_eval(spec, str(_written(Path(folder), log)))
    except Exception as error:
        raise EvaluatorError(f"SWE-bench's parser fails on the log: {error!r}") from error
    return {str(test): str(status) for test, status in found.items()}


def report(row: Mapping[str, Json], patch: str, log: bytes) -> Report:
    """The harness's verdict on a log that its script printed.

    Raises:
        EvaluatorError: its grader fails.
    """
    from swebench.harness.grading import get_eval_report

    spec = _spec(row)
    prediction = {"instance_id": spec.instance_id, "model_name_or_path": _MODEL, "model_patch": patch}
    try:
        with tempfile.TemporaryDirectory(prefix="hgm-log-") as folder:
            told = get_eval_report(spec, prediction, str(_written(Path(folder), log)), True)[spec.instance_id]
    except Exception as error:
        raise EvaluatorError(f"SWE-bench's grader fails on the log: {error!r}") from error
    kinds = told.get("tests_status", {})
    tests = {
        test: outcome == "success"
        for kind in ("FAIL_TO_PASS", "PASS_TO_PASS")
        for outcome in ("success", "failure")
        for test in kinds.get(kind, {}).get(outcome, ())
    }
    return Report(bool(told["resolved"]), bool(told["patch_successfully_applied"]), tests)


def _spec(row: Mapping[str, Json]) -> Any:
    try:
        from swebench.harness.utils import make_test_spec
    except ImportError as error:
        raise EvaluatorError(MISSING) from error
    try:
        return make_test_spec(dict(row))
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluatorError(f"the record of {row.get('instance_id')} is not one of SWE-bench 5: {error!r}") from error


def _written(folder: Path, log: bytes) -> Path:
    file = folder / "test_output.txt"
    file.write_text(log.decode(errors="replace"))
    return file
