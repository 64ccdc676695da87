"""What a child must pass before a single evaluation is spent on it. A closed list, cheapest first.

A gate's message goes back to the editor once (the repair turn), so it says what is wrong and names no hidden thing.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from evaluators.gui.handshake import TASK as HANDSHAKE
from hgm.agent_run import Assignment, run_agent, self_test
from hgm.contract import does, matches, may_change
from hgm.effort import BACK, tries_harder
from hgm.errors import LimitError, WorkspaceRejected
from hgm.gateway.prices import Tokens
from hgm.lab import Lab
from hgm.leaks import first_leak, is_too_much
from hgm.playing import act
from hgm.seen import blame
from hgm.text import one_line, printable
from sandboxes.base import File, Files, Mount, SandboxSpec
from trees.folders import write_folder

HANDSHAKE_S = 30.0
"""Half of what a task gets, at the least."""
_REQUEST_BYTES = 4_000
_LEAST_SHARE, _MOST_SHARE = 0.2, 0.5
_DOCS = ("*.rst", "README*", "CHANGELOG*", "LICENSE*", "docs/*", "doc/*")
_TESTS = ("tests/*", "test/*", "*/tests/*", "test_*.py", "*_test.py", "*/test_*.py", "conftest.py")

HANDSHAKE_STATEMENT = """\
The function `double` in `answer.py` should return twice its argument, but `python3 -S -E check.py` fails.
Find the defect in `answer.py` and correct it. Run `python3 -S -E check.py` to see whether it works.
"""
HANDSHAKE_FILES: Files = {
    b"answer.py": File(b"def double(number):\n    return number + 2\n"),
    b"check.py": File(
        # without bytecode: Python takes a file of the same size, changed within the same second, for the one before
        b"import sys\n\nsys.dont_write_bytecode = True\nfrom answer import double\n\ngot = double(5)\nif got != 10:\n"
        b'    print(f"FAIL double(5): expected 10, got {got}")\n    print("0 of 1 passed")\n    raise SystemExit(1)\n'
        b'print("1 of 1 passed")\n'
    ),
}


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Why a child was refused: a word for statistics, a sentence for people and for the repair turn."""

    reason: str
    message: str
    repairable: bool = True


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A child before it is one."""

    job: str
    seed: int
    parent: Files
    files: Files
    ancestors: tuple[str, ...] = ()
    """Commits of the parent's ancestors, the nearest first."""
    agents: int | None = None
    """See `ExpandJob`."""
    repaired: bool = False
    """Whether this is what the repair turn made of it."""


Gate = Callable[[Candidate, Lab, int], Rejection | None]


def first_rejection(candidate: Candidate, lab: Lab, slot: int) -> Rejection | None:
    """Run the gates in order; the first refusal ends it.

    Raises:
        SandboxError, GatewayError, BackboneError: the host's trouble.
    """
    for gate in GATES:
        refused = gate(candidate, lab, slot)
        if refused:
            if gate in _IN_SANDBOXES:
                lab.must_be_well("solver")
            return refused
    return None


def changed(candidate: Candidate, lab: Lab, slot: int) -> Rejection | None:
    """Not empty, and code: more than documentation or tests."""
    paths = list(_changed_paths(candidate))
    if not paths:
        return Rejection(reason="empty", message="Nothing was changed.")
    if not any(map(is_code, paths)):
        return Rejection(
            reason="no-code", message="Only documentation or tests were changed; change how the agent works."
        )
    return None


def is_code(path: str) -> bool:
    """Whether a file is more than documentation or tests."""
    return not matches(path, _DOCS + _TESTS)


def shown(path: bytes) -> str:
    """A path as the globs of a manifest and people see it."""
    return one_line(path.decode(errors="backslashreplace"))


def allowed(candidate: Candidate, lab: Lab, slot: int) -> Rejection | None:
    """The manifest and frozen files are as they were, and only editable ones differ."""
    for path in _changed_paths(candidate):
        if not may_change(lab.manifest, path):
            return Rejection(reason="frozen", message=f"{path} must stay as it was: restore it.")
    return None


def new(candidate: Candidate, lab: Lab, slot: int) -> Rejection | None:
    """No agent that this run had when the expansion was decided has the same files."""
    if lab.archive.has_tree(lab.archive.tree_of(candidate.files), among=candidate.agents):
        return Rejection(reason="duplicate", message="An agent with exactly these files exists: change something else.")
    return None


def leaks_nothing(candidate: Candidate, lab: Lab, slot: int) -> Rejection | None:
    """What was added names no task of the benchmark and holds no part of an answer.

    No editor learns that, let alone where: told of one line among many guesses, it would have its answer confirmed.
    """
    if is_too_much(candidate.parent, candidate.files):
        return Rejection(reason="leak", message="More was changed at once than can be looked through: change less.")
    found = first_leak(candidate.parent, candidate.files, lab.secrets)
    if found is None:
        return None
    return Rejection(
        reason="leak",
        message=f"{shown(found.path)}, line {found.line}, holds {found.kind} of the benchmark.",
        repairable=False,
    )


def harder(candidate: Candidate, lab: Lab) -> tuple[str, ...]:
    """What a child only raises or brings back, in words for people."""
    return tries_harder(candidate.parent, candidate.files, map(lab.code, candidate.ancestors))


def tries_no_harder(candidate: Candidate, lab: Lab, slot: int) -> Rejection | None:
    """Where the configuration wants that: no more effort, attempts or limits, and nothing that an ancestor deleted."""
    if lab.more_effort != "reject":
        return None
    notes = harder(candidate, lab)
    if not notes:
        return None
    back = all(note.startswith(BACK) for note in notes)
    message = (
        f"It only tries harder, or again, which is not wanted here: {'; '.join(notes)}. Change how it works instead."
    )
    return Rejection(reason="revert" if back else "effort", message=message)


def keeps_contract(candidate: Candidate, lab: Lab, slot: int) -> Rejection | None:
    """It compiles, and its command is there."""
    with lab.scratch.job(candidate.job) as folder:
        mounts = (
            Mount(source=_checkout(candidate, folder), target="/hgm/agent"),
            Mount(source=lab.contract_check, target="/hgm/contract_check.py"),
        )
        limits = replace(lab.place(candidate.job, slot, folder).limits, deadline_s=60.0)
        spec = SandboxSpec(run=lab.run, job=candidate.job, slot=slot, limits=limits, mounts=mounts)
        command = [lab.provider.python, "-S", "-E", "-s", "/hgm/contract_check.py", "/hgm/agent", *lab.manifest.command]
        with lab.provider.open(spec) as box:
            ended = box.run(command)
    if blame(ended):
        return Rejection(reason="contract", message=printable(ended.output.decode(errors="replace"), 500))
    return None


def tests_itself(candidate: Candidate, lab: Lab, slot: int) -> Rejection | None:
    """`--self-test` exits 0 without a gateway."""
    with lab.scratch.job(candidate.job) as folder:
        place = lab.place(candidate.job, slot, folder)
        ended = self_test(_checkout(candidate, folder), lab.manifest, place=place, provider=lab.provider)
    if blame(ended):
        said = printable(ended.output.decode(errors="replace"), 500)
        return Rejection(reason="self-test", message=f"--self-test: {blame(ended)}\n{said}")
    return None


def handshakes_share(lab: Lab) -> float:
    """The share of a job's limit that no edit may use, lest a child that is paid for meets no gate."""
    two_calls = Tokens(input=2 * _REQUEST_BYTES, output=2 * lab.sampling.solver.max_output_tokens)
    return min(_MOST_SHARE, max(_LEAST_SHARE, lab.allowance.share(lab.backbones.solver, two_calls)))


def shakes_hands(candidate: Candidate, lab: Lab, slot: int) -> Rejection | None:
    """On a tiny task it talks to its model at least once and finishes."""
    handshake = _handshake_on_a_page if does(lab.manifest, "gui") else _handshake
    try:
        return handshake(candidate, lab, slot)
    except LimitError as trouble:
        return Rejection(reason="limit", message=str(trouble), repairable=False)


def _handshake(candidate: Candidate, lab: Lab, slot: int) -> Rejection | None:
    job = _handshakes_name(candidate)
    assignment = Assignment(
        kind="solve",
        statement=HANDSHAKE_STATEMENT,
        workspace=HANDSHAKE_FILES,
        history=lab.sealer.seal(HANDSHAKE_FILES),
        test_command=("python3", "-S", "-E", "check.py"),
        deadline_s=_handshake_s(lab),
    )
    with lab.scratch.job(job) as folder, closing(lab.lease(job, "solver", seed=candidate.seed)) as lease:
        place = lab.place(job, slot, folder)
        try:
            ended, *_ = run_agent(
                _checkout(candidate, folder), lab.manifest, assignment, place=place, lease=lease, provider=lab.provider
            )
        except WorkspaceRejected as error:
            return Rejection(reason="handshake", message=f"On a tiny task its workspace was unusable: {error}")
        usage = lab.settled(lease, "solver", ended=ended)
    if blame(ended) or not usage.calls:
        said = printable(ended.output.decode(errors="replace"), 500)
        how = blame(ended) or "it never called its model"
        return Rejection(reason="handshake", message=f"On a tiny task: {how}\n{said}")
    return None


def _handshake_on_a_page(candidate: Candidate, lab: Lab, slot: int) -> Rejection | None:
    job = _handshakes_name(candidate)
    with lab.scratch.job(f"{job}-code") as folder:
        agent = _checkout(candidate, folder)
        acted = act(agent, HANDSHAKE, job, lab, slot, seed=candidate.seed, deadline_s=_handshake_s(lab))
    how = acted.cause if acted.verdict.cause else ""
    how = how or ("" if acted.usage.calls else "it never called its model")
    if not (how := how or ("" if acted.exchanges else "it never looked at its page")):
        return None
    said = printable(acted.ended.output.decode(errors="replace"), 500) if acted.ended else ""
    return Rejection(reason="handshake", message=f"On a tiny page: {how}\n{said}")


def _handshakes_name(candidate: Candidate) -> str:
    return f"{candidate.job}-handshake-again" if candidate.repaired else f"{candidate.job}-handshake"


def _handshake_s(lab: Lab) -> float:
    return HANDSHAKE_S * max(1.0, lab.limits.solve_deadline_s / 60.0)


_IN_SANDBOXES: tuple[Gate, ...] = (keeps_contract, tests_itself, shakes_hands)
GATES: tuple[Gate, ...] = (changed, allowed, new, leaks_nothing, tries_no_harder, *_IN_SANDBOXES)


def _changed_paths(candidate: Candidate) -> Iterator[str]:
    for path in sorted(candidate.parent.keys() | candidate.files.keys()):
        if candidate.parent.get(path) != candidate.files.get(path):
            yield shown(path)


def _checkout(candidate: Candidate, folder: Path) -> Path:
    agent = folder / "agent"
    write_folder(candidate.files, agent, read_only=True)
    return agent
