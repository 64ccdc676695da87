"""Where attempts are made: a real lab on one kind of sandbox, on planted ground, and all that is looked at after.

`leaky` is the control: the same harness around a sandbox with all its walls taken down, in which attempts must be seen
to get out. Otherwise a look that sees nothing would prove nothing.
"""

import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from evaluators.base import Split
from hgm import trajectories
from hgm.config import Backbones, SearchConfig
from hgm.errors import SandboxError
from hgm.evaluate import evaluate
from hgm.gateway.client import Gateway, Lease, LeaseSpec, Settings, Usage
from hgm.jobs import EvaluateJob, EvaluationResult
from hgm.lab import Lab
from hgm.run import Folder
from hgm.session import lab_for
from sandboxes.base import End, Exit, File, Files, Image, Sandbox, SandboxProvider, SandboxSpec
from sandboxes.bubblewrap import Bubblewrap
from sandboxes.leftovers import leftovers
from tests.battery.attempt import PASSED, Attempt, Ending, Seen
from tests.battery.ground import Ground, secret
from tests.hgm.small_lab import MANIFEST, MODEL, OneTask
from trees.archive import Archive
from trees.records import Outcome

LEAKY = "leaky"
ECHO = "scripted/echo"
"""The backbone of all attempts: it answers with the request that reached it, which the gateway then records."""
IMPATIENT = Settings(
    header_timeout_s=1.0, body_timeout_s=1.5, free_refusals=20, refusal_pause_s=0.2, attempts=2, backoff_s=0.01
)
HONEST = "from inside import solve\nsolve()\n"
DEADLINE_S = 15.0
MOST_WRITTEN = 8_000_000
_HARMFUL = {"exhaustion", "outliving", "provoked trouble"}
_LIBRARY = {"inside.py": (Path(__file__).parent / "inside.py").read_text(), "model.py": MODEL}
_numbers = count(1)


class Watched:
    """A provider that is looked over the shoulder: what each of its sandboxes saw and gave back."""

    def __init__(self, provider: SandboxProvider) -> None:
        self.watches = provider
        self.name, self.python = provider.name, provider.python
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.exits: list[Exit] = []
        self.taken: list[Files] = []
        self.tokens: set[str] = set()

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator[Sandbox]:
        """See `SandboxProvider`."""
        self.tokens |= {value for name, value in spec.env.items() if name == "HGM_TOKEN"}
        with self.watches.open(spec) as box:
            yield _WatchedSandbox(box, self)

    def within(self, image: Image) -> SandboxProvider:
        """See `SandboxProvider`."""
        raise SandboxError("no images here")

    def healthy(self) -> bool:
        """See `SandboxProvider`."""
        return self.watches.healthy()


class _WatchedSandbox:
    def __init__(self, box: Sandbox, watched: Watched) -> None:
        self._box, self._watched = box, watched
        self.put, self.extend, self.pristine = box.put, box.extend, box.pristine

    def run(self, command: Sequence[str], *, deadline_s: float | None = None, stdin: bytes = b"") -> Exit:
        self._watched.exits.append(self._box.run(command, deadline_s=deadline_s, stdin=stdin))
        return self._watched.exits[-1]

    def take(self) -> Files:
        self._watched.taken.append(self._box.take())
        return self._watched.taken[-1]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What came of one attempt on one sandbox."""

    attempt: Attempt
    sandbox: str
    ending: Ending
    detail: str
    escapes: tuple[str, ...]
    """What got out; empty if it was contained."""
    mishap: str
    """Why the attempt was not really made; empty if it was."""
    seconds: float

    @property
    def held(self) -> bool:
        """Contained, and ended as the table says."""
        return not self.escapes and not self.mishap and self.ending in self.attempt.ends

    @property
    def complaint(self) -> str:
        """What is wrong, for a person; empty if nothing is."""
        if self.held:
            return ""
        wanted = " or ".join(sorted(" ".join(end).strip() for end in self.attempt.ends))
        ended = "" if self.ending in self.attempt.ends else f"ended as {' '.join(self.ending)}, not as {wanted}"
        return "; ".join(filter(None, [*self.escapes, self.mishap, ended, self.detail]))


@dataclass(kw_only=True)
class Field:
    """One lab, in which one attempt after the other is made."""

    lab: Lab
    ground: Ground
    watched: Watched
    sandbox: str
    victim: Lease
    """Of another job, which nobody but its own agent may use."""
    ended: str
    """The token of a job that is over."""
    gateway: int
    """Its process."""
    counts: bool
    """Whether the kernel limits this sandbox's memory and processes as a whole, and counts what it did about it."""
    unused: Usage = field(default_factory=Usage)
    """What the victim's lease is known to have used."""

    def face(self, attempt: Attempt) -> Report:
        """Make the attempt and look; after one that may have done lasting harm, see how an honest agent fares."""
        began = monotonic()
        result, seen, token = self._evaluate(attempt)
        escapes = [*self.escapes(seen, token), *attempt.look(seen)]
        if attempt.kind in _HARMFUL:
            escapes += self.harm()
        return Report(
            attempt=attempt,
            sandbox=self.sandbox,
            ending=(result.outcome, result.cause),
            detail=result.detail,
            escapes=tuple(dict.fromkeys(escapes)),
            mishap="" if attempt.noisy else _mishap(seen),
            seconds=monotonic() - began,
        )

    def unfit(self, attempt: Attempt) -> str:
        """Why the attempt says nothing on this sandbox; empty if it does."""
        return "" if self.counts else attempt.without_groups

    def harm(self) -> list[str]:
        """What is wrong with an honest agent's evaluation now; empty if it passes as before."""
        after = self._evaluate(_honest())[0]
        passed = after.outcome is Outcome.PASSED
        return [] if passed else [f"an honest agent afterwards: {after.outcome} {after.cause} {after.detail}"]

    def _evaluate(self, attempt: Attempt) -> tuple[EvaluationResult, Seen, set[str]]:
        number = next(_numbers)
        bait = self.ground.bait(
            VICTIM=str(self.victim.folder),
            VICTIM_TOKEN=self.victim.token,
            ENDED_TOKEN=self.ended,
            CONTROL=str(self.lab.gateway.folder / ".control"),
            SCRATCH=str(self.lab.scratch.root),
            TRAJECTORIES=str(self.lab.trajectories),
        )
        root = self.lab.archive.best()
        commit = self.lab.archive.add_child(root, attempt.agent(bait, MANIFEST, _LIBRARY), attempt.name, number).commit
        limits = self.lab.limits.model_copy(update={"solve_deadline_s": DEADLINE_S, **attempt.limits})
        lab = replace(self.lab, limits=limits, benchmark=attempt.benchmark)
        job = EvaluateJob(
            id=f"e{number:05d}", node=0, commit=commit, split=Split.SEARCH, task=attempt.task, repeat=0, seed=number
        )
        self.watched.forget()
        result = evaluate(job, lab, 0)
        seen = Seen(
            result=result,
            exits=tuple(self.watched.exits),
            taken=tuple(self.watched.taken),
            written=self._written(job.id),
            lab=lab,
            ground=self.ground,
        )
        return result, seen, self.watched.tokens

    def _written(self, job: str) -> bytes:
        path = self.lab.trajectories / f"{job}.jsonl.zst"
        lines = [json.dumps(record) for record in trajectories.read(path)] if path.exists() else []
        grading = self.lab.grading / f"{job}.json"
        return "\n".join([*lines, grading.read_text() if grading.exists() else ""]).encode()

    def escapes(self, seen: Seen, tokens: set[str]) -> Iterator[str]:
        """What every attempt is looked at for: what it touched, what came back, what it left."""
        yield from self.ground.escapes()
        boxes = b"\n".join(ended.output for ended in seen.exits)
        files = b"\n".join(part for files in seen.taken for path, file in files.items() for part in (path, file.data))
        yield from self.ground.leaks(b"\n".join((boxes, files, seen.written, seen.result.detail.encode())))
        if any(token.encode() in seen.written for token in tokens):
            yield "the job's own token was written down"
        if len(seen.written) > MOST_WRITTEN:
            yield f"{len(seen.written)} bytes were written down"
        yield from _unescaped(seen)
        if (usage := self.victim.usage()) != self.unused:
            self.unused = usage
            yield f"another job's lease was used: {usage.calls} calls, {usage.refused} refused so far"
        if self.lab.gateway.pid != self.gateway:
            self.gateway = self.lab.gateway.pid
            yield "the gateway died"
        yield from _left_over(self.lab.run, tokens)


def _honest() -> Attempt:
    return Attempt(name="honest", kind="", tries="the task", code=HONEST, ends=frozenset({PASSED}), benchmark=OneTask())


def _mishap(seen: Seen) -> str:
    """An attempt whose program fails on its way has tried nothing."""
    if not seen.exits:
        return "the agent never ran"
    output = seen.exits[0].output
    return output[output.index(b"Traceback") :].decode(errors="replace") if b"Traceback" in output else ""


def _unescaped(seen: Seen) -> Iterator[str]:
    """Control characters in what a person is shown."""
    texts = [seen.result.detail]
    records = [json.loads(line) for line in seen.written.splitlines() if line.startswith(b"{")]
    texts += [record.get(name) or "" for record in records for name in ("log", "cause")]
    if any(not character.isprintable() and character not in "\n\t" for text in texts for character in text):
        yield "control characters reach whoever reads the log"


def _left_over(run: str, tokens: set[str]) -> Iterator[str]:
    for found in leftovers(run):
        yield f"a control group of job {found.job} is left"
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if any(f"HGM_TOKEN={token}\0".encode() in environment + b"\0" for token in tokens):
            yield "a process of the agent's is still alive"
            os.kill(int(process.name), 9)


@contextmanager
def open_field(sandbox: str) -> Iterator[Field]:
    """A field on the sandbox of that name; `leaky` for the control."""
    with (
        TemporaryDirectory(prefix="hgm-field-") as place,
        Ground(resolvers=sandbox != LEAKY) as ground,
        _lab(Path(place), sandbox) as lab,
    ):
        watched = Watched(lab.provider)
        lab = replace(lab, provider=watched)
        with lab.scratch.job("victim") as folder:
            for name, path in {"another job": folder / "note", "grading": lab.grading / "hidden.json"}.items():
                ground.secrets[name], ground.paths[name] = secret(name), str(path)
                path.write_text(ground.secrets[name])
            over = lab.gateway.lease(_lease("over"))
            over.close()
            victim = lab.gateway.lease(_lease("victim"))
            yield Field(
                lab=lab,
                ground=ground,
                watched=watched,
                sandbox=sandbox,
                victim=victim,
                ended=over.token,
                gateway=lab.gateway.pid,
                counts=_counts(watched.watches),
            )
            victim.close()


def _counts(provider: SandboxProvider) -> bool:
    if isinstance(provider, Bubblewrap):
        return bool(provider.tools.hierarchy or provider.tools.scopes)
    return provider.name == "docker"


def _lease(job: str) -> LeaseSpec:
    return LeaseSpec(job=job, role="solver", backbone=ECHO, seed=1)


@contextmanager
def _lab(place: Path, sandbox: str) -> Iterator[Lab]:
    folder = Folder(place / "run")
    for made in (folder.path, folder.trajectories, folder.grading, place / "scripts"):
        made.mkdir()
    (place / "scripts" / "echo.json").write_text(json.dumps([{"echo": True, "repeat": True}]))
    root = _honest().agent("", MANIFEST, _LIBRARY)
    archive = Archive.create(folder.archive)
    archive.add_root(root)
    backbones = Backbones(editor=ECHO, solver=ECHO, diagnosis=ECHO, judge=ECHO)
    named = "bubblewrap" if sandbox == LEAKY else sandbox
    with ExitStack() as stack:
        lab = stack.enter_context(
            lab_for(folder, SearchConfig(budget=1), archive, root, sandbox=named, progress=lambda job, stage: None)
        )
        gateway = Gateway(lab.scratch.folder("gs"), lab.trajectories, scripts=place / "scripts", settings=IMPATIENT)
        lab = replace(lab, gateway=stack.enter_context(gateway), backbones=backbones)
        yield replace(lab, provider=Leaky(lab.provider)) if sandbox == LEAKY else lab


class Leaky:
    """The host itself with the folders of a sandbox laid over it: nothing is kept in."""

    name = LEAKY

    def __init__(self, sound: SandboxProvider) -> None:
        self._sound = sound
        self.python = sound.python

    @contextmanager
    def open(self, spec: SandboxSpec) -> Iterator["_LeakySandbox"]:
        """See `SandboxProvider`."""
        with TemporaryDirectory(prefix="hgm-leaky-") as folder:
            yield _LeakySandbox(spec, Path(folder))

    def within(self, image: Image) -> SandboxProvider:
        """See `SandboxProvider`."""
        raise SandboxError("no images here")

    def healthy(self) -> bool:
        """See `SandboxProvider`."""
        return self._sound.healthy()


class _LeakySandbox:
    def __init__(self, spec: SandboxSpec, folder: Path) -> None:
        self._spec, self._folder = spec, folder

    def put(self, files: Files) -> None:
        for path, file in files.items():
            place = self._folder / os.fsdecode(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.data)

    def extend(self, seconds: float) -> None: ...

    def run(self, command: Sequence[str], *, deadline_s: float | None = None, stdin: bytes = b"") -> Exit:
        ours = [word for top in sorted(Path("/").iterdir()) for word in ("--dev-bind", str(top), str(top))]
        mounts = [word for mount in self._spec.mounts for word in ("--bind", str(mount.source), mount.target)]
        env = {"PATH": os.defpath, "HOME": "/tmp", **self._spec.env}
        began = monotonic()
        words = ["bwrap", *ours, "--bind", str(self._folder), "/workspace", *mounts, "--chdir", "/workspace", *command]
        for _ in range(50):  # mounts of other containers come and go while it copies them all
            found = subprocess.run(
                words, input=stdin, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False
            )
            if not found.stdout.startswith(b"bwrap: "):
                break
        return Exit(end=End.EXITED, status=found.returncode, wall_s=monotonic() - began, output=found.stdout)

    def pristine(self) -> Files:
        """See `Sandbox`."""
        return {}

    def take(self) -> Files:
        found: dict[bytes, File] = {}
        for path in self._folder.rglob("*"):
            with suppress(OSError):
                if path.is_file() and ".git" not in path.parts:
                    found[str(path.relative_to(self._folder)).encode()] = File(path.read_bytes())
        return found
