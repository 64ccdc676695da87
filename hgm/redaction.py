"""Keeping keys out of what is written: which environment variables hold one, and the function that removes them."""

import json
from collections.abc import Iterable, Mapping, MutableMapping

SUFFIXES = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
SHORTEST = 8
"""Shorter values would tear ordinary text apart, and nobody's key is that short."""
MARK = "[redacted]"


def is_secret(name: str) -> bool:
    """Whether an environment variable of this name holds a key."""
    return name.upper().endswith(SUFFIXES)


def withhold(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Take the keys out of an environment, so that no process started with it inherits one, and return them."""
    return {name: environ.pop(name) for name in [*environ] if is_secret(name)}


class Redactor:
    """Removes exact values from text. `Redactor.of(os.environ)` knows the keys of an environment."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {form for secret in secrets if len(secret) >= SHORTEST for form in (secret, _in_json(secret))}
        # The longest first: a key that contains another one must not leave its tail behind.
        self._spellings = sorted(spellings, key=lambda form: (-len(form), form))

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Redactor":
        """A redactor of every key in `environ`."""
        return cls(value for name, value in environ.items() if is_secret(name))

    def extended(self, *secrets: str) -> "Redactor":
        """This one, with further secrets."""
        return Redactor([*self._spellings, *secrets])

    def __call__(self, text: str) -> str:
        """`text` without any secret, neither as it is nor as JSON spells it."""
        for spelling in self._spellings:
            if spelling in text:
                text = text.replace(spelling, MARK)
        return text


def _in_json(secret: str) -> str:
    return json.dumps(secret)[1:-1]
