"""What the gateway measures."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What one lease has used."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    waited_s: float = 0.0
    """Time the gateway itself spent on rate limits and retries: not the agent's, moves its deadline."""
    refused: int = 0
    """Requests turned away (bad token, over a limit, malformed)."""
    dropped_fields: tuple[str, ...] = ()
    """Names of request fields that were not passed on, sorted."""
    backbone_failed: bool = False
    """The provider failed for good on some call; the fixed probe says whether it is down."""
