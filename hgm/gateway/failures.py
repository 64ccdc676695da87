"""How one attempt at a backbone may fail, and whose fault each kind is."""

from hgm.gateway.dialects.base import Counted
from hgm.gateway.prices import Tokens
from hgm.gateway.records import Json

NOTHING = Counted(tokens=Tokens(), usd=0.0)


class Transient(Exception):
    """This attempt failed for a reason that passes: 5xx, 429, a time-out, a broken answer. The gateway tries again."""

    def __init__(
        self, message: str, *, retry_after_s: float = 0.0, charged: bool = False, rate_limited: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.charged = charged
        """Whether the provider may bill this attempt, without having told what."""
        self.rate_limited = rate_limited
        """Whether the provider said that there are too many requests: patience, and fewer at once, mend it."""


class Rejected(Exception):
    """The provider turned the agent's request down: its answer goes to the agent."""

    def __init__(self, status: int, body: Json, *, signs: tuple[str, ...] = (), counted: Counted = NOTHING) -> None:
        super().__init__(f"HTTP {status}")
        self.counted = counted
        """What finding that out has cost."""
        self.status = status
        self.body = body
        self.signs = signs


class Broken(Exception):
    """No attempt can succeed, and not because of this request.

    The message is for the host; agents only learn that the backbone failed.
    """

    def __init__(
        self, message: str, *, hosts_fault: bool = False, differs: bool = False, counted: Counted = NOTHING
    ) -> None:
        super().__init__(message)
        self.counted = counted
        """What finding that out has cost."""
        self.hosts_fault = hosts_fault
        """Whether no request of an agent's can have brought it about: a refused key, an unknown model."""
        self.differs = differs
        """Whether a replay was asked something else than what was recorded."""


class NotFound(Broken):
    """The provider knows no such path, no such model, or nothing of what the request refers to."""

    def __init__(self, message: str, refused: Rejected) -> None:
        super().__init__(message, hosts_fault=True)
        self.refused = refused
        """The same for the agent, where it proves to be about its request."""
