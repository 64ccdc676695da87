"""Runs `hgm` in this process, as its users would."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import pytest

from hgm.cli.app import run


class Said(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


Command: TypeAlias = Callable[..., Said]


def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """`hgm` with its words as arguments."""

    def call(*words: object) -> Said:
        with pytest.raises(SystemExit) as ended:
            run([str(word) for word in words])
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return call
