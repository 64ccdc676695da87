"""Every error that this project raises on purpose, named for the boundary it crossed.

HGMError
├── UsageError            the user's words are off: say what is wrong and what to do (exit code 2)
│   ├── ConfigError       a configuration file or flag
│   ├── RunError          a run that exists already, is locked, is missing or cannot be resumed
│   └── AgentError        an agent folder that breaks the agent contract
├── SandboxError          the sandbox's own trouble, never the fault of what ran inside
│   └── SandboxLost       trouble after the command had started: whose fault it is has to be found out
├── WorkspaceRejected     what came back from a sandbox breaks a limit: the agent's fault
├── GatewayError          the model proxy
├── BackboneError         the model behind it
│   └── ReplyError        it answered, in a way that nobody can go on with, or refuses what it is asked
├── LimitError            a job's own leases have used up what it may use
├── RecordingError        a replay departs from its recording, or a recording cannot be written
├── EvaluatorError        benchmark records or the grader's own trouble
├── ArchiveError          the git repository of agents
├── JournalError          the event log
└── TellError             a result for a job that is not running

Anything else that escapes is a defect. `boundary` is the one converter.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class HGMError(Exception):
    """Root of the tree. `exit_code` is what a command ends with."""

    exit_code = 3


class UsageError(HGMError):
    """The user can mend it; the message says how."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration file or flag is wrong."""


class RunError(UsageError):
    """A run exists already, is locked by a live controller, is missing or cannot be resumed."""


class AgentError(UsageError):
    """An agent folder breaks the agent contract."""


class SandboxError(HGMError):
    """The sandbox itself failed: nothing can be said about what was to run inside."""


class SandboxLost(SandboxError):
    """The sandbox failed after its command had started, which may have had a part in it."""


class WorkspaceRejected(HGMError):
    """What came back from a sandbox breaks a limit on size, count, depth or names: the agent's fault."""


class GatewayError(HGMError):
    """The model proxy failed."""


class BackboneError(HGMError):
    """The model behind the gateway failed."""


class ReplyError(BackboneError):
    """The model answered a host's role with a refusal, without text, in part, or that it does not take this request."""


class LimitError(HGMError):
    """A job's own leases have used so much of its limit that nothing could be shown with the rest."""


class RecordingError(HGMError):
    """A replay departs from what was recorded, or a recording cannot be written."""


class EvaluatorError(HGMError):
    """A benchmark's records are unusable, or its grader itself failed."""


class ArchiveError(HGMError):
    """The git repository of agents failed or does not hold what was asked for."""


class JournalError(HGMError):
    """The event log failed, is of an unknown version, or contradicts itself."""


class TellError(HGMError):
    """A result was told for a job that is not running."""


@contextmanager
def boundary(error: type[HGMError], what: str) -> Iterator[None]:
    """Turn whatever escapes the block into `error`; errors of this tree and interrupts pass unchanged."""
    try:
        yield
    except HGMError:
        raise
    except Exception as cause:
        raise error(f"{what}: {type(cause).__name__}: {cause}") from cause
