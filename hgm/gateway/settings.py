"""What one lease's socket accepts, and how long the gateway tries a backbone: one value, fixed when it starts."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Limits of the public sockets, then patience with backbones. Every lease has these to itself."""

    max_connections: int = 16
    """Open at once on one socket; the next is closed."""
    max_parallel_calls: int = 4
    """Calls of one lease that are read or answered at once; the others wait."""
    max_header_bytes: int = 16_384
    """Request line included."""
    max_header_count: int = 64
    header_timeout_s: float = 10.0
    """From the first moment a request could begin to its last header; also how long an idle connection stays."""
    body_timeout_s: float = 30.0
    max_body_bytes: int = 8_000_000
    max_json_depth: int = 32
    max_json_values: int = 200_000
    max_messages: int = 2_000
    max_tools: int = 128
    max_images: int = 16
    max_image_bytes: int = 4_000_000
    """Of one image, decoded."""
    max_image_pixels: int = 10_000_000
    max_trajectory_bytes: int = 64_000_000
    """On disk, compressed; then no further call starts."""
    max_trajectory_text_bytes: int = 256_000_000
    """The same, unpacked: what is next to nothing on disk takes its time to read."""
    max_action_bytes: int = 100_000
    """Of a request to the environment."""
    max_observation_bytes: int = 8_000_000
    """Of its answer, a screenshot included."""
    max_screenshot_bytes: int = 1_000_000
    """Of one that is recorded, in base64; a larger one is only mentioned."""
    max_screenshots_bytes: int = 16_000_000
    """The same, of all that one lease records."""
    environment_timeout_s: float = 240.0
    """For one step or observation: more than a host takes to find out that no browser lives."""
    free_refusals: int = 50
    """Requests turned away at once; each later one is kept waiting for `refusal_pause_s`."""
    free_refused_bytes: int = 16_000_000
    """The same in bytes of their bodies; a large body is kept waiting that long for each megabyte."""
    refusal_pause_s: float = 1.0
    attempts: int = 5
    """Of one call, the first included; those that met a rate limit count by time instead: `max_wait_s`."""
    attempt_timeout_s: float = 600.0
    """Without a byte from the backbone."""
    connect_timeout_s: float = 15.0
    backoff_s: float = 0.5
    """At most, before the second attempt; doubles each time."""
    max_backoff_s: float = 30.0
    max_retry_after_s: float = 600.0
    """Caps what a provider asks for with Retry-After: the gateway waits by its own clock."""
    max_wait_s: float = 1_800.0
    """How long one call waits for rate limits to pass."""
    stream_comment_s: float = 15.0
    """How often an agent that waits for a stream hears that it is not forgotten."""
    max_answer_bytes: int = 16_000_000
    """Also of one event of a stream."""
    max_stream_bytes: int = 128_000_000
    """Each word comes in a frame of its own, of hundreds of bytes."""
    probe_timeout_s: float = 30.0
    """Some servers load a model when it is first asked for."""
    probe_fresh_s: float = 5.0
    """How long what a provider answered to a probe is believed."""
