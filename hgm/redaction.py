"""Keeping keys out of what is written: which environment variables hold one, and the function that removes them."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

SUFFIXES = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
SHORTEST = 8
"""Shorter values would tear ordinary text apart; keys that are so short are refused (`hgm.gateway.providers`)."""
MARK = "[redacted]"


def is_secret(name: str) -> bool:
    """Whether an environment variable of this name holds a key."""
    return name.upper().endswith(SUFFIXES)


def withhold(environ: MutableMapping[str, str], *, also: Collection[str] = ()) -> dict[str, str]:
    """Take the keys out of an environment, so that no process started with it inherits one, and return them.

    `also` names variables that hold one although their names do not show it.
    """
    return {name: environ.pop(name) for name in [*environ] if is_secret(name) or name in also}


def credentials(url: str) -> tuple[str, ...]:
    """What of a URL nobody may read: its password, by itself and behind its user's name; as written and as meant."""
    try:
        parts = urlsplit(url)
        user, password = parts.username or "", parts.password or ""
    except ValueError:
        return ()
    if not password:
        return ()
    found = (password, unquote(password), f"{user}:{password}", f"{unquote(user)}:{unquote(password)}")
    return tuple(dict.fromkeys(found))


class Redactor:
    """Removes exact values from text. `Redactor.of(os.environ)` knows the keys of an environment."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = tuple(dict.fromkeys(secret for secret in secrets if len(secret) >= SHORTEST))
        spellings = {form for secret in self._secrets for form in _spellings(secret) if len(form) >= SHORTEST}
        # The longest first: a key that contains another one must not leave its tail behind.
        self._forms = sorted(spellings, key=lambda form: (-len(form), form))
        self._heads = [form[: max(SHORTEST, len(form) // 2)] for form in self._forms]

    @classmethod
    def of(cls, environ: Mapping[str, str], *, also: Collection[str] = ()) -> "Redactor":
        """A redactor of every key in `environ`, and of the passwords in its URLs. `also`: see `withhold`."""
        keys = [value for name, value in environ.items() if is_secret(name) or name in also]
        sent = (key.strip() for key in keys)  # as providers get it, and quote it
        urls = (value for value in environ.values() if "://" in value)
        return cls([*keys, *sent, *(part for url in urls for part in credentials(url))])

    def extended(self, *secrets: str) -> "Redactor":
        """This one, with further secrets."""
        return Redactor([*self._secrets, *secrets])

    def __call__(self, text: str) -> str:
        """`text` without any secret: neither as it is, nor as JSON, a URL, base64 or Python spells it.

        Nor with the beginning of one, from half of it: messages are cut at some length.
        """
        if not any(head in text for head in self._heads):
            return text
        for form in self._forms:
            text = text.replace(form, MARK)
        for head, form in zip(self._heads, self._forms, strict=True):
            text = _without(text, head, form)
        return text


def _without(text: str, head: str, form: str) -> str:
    """`text` with the mark for each place where `form` begins, as far as it goes on there."""
    parts, at = [], 0
    while (found := text.find(head, at)) >= 0:
        end = found + len(head)
        while end - found < len(form) and text[end : end + 1] == form[end - found]:
            end += 1
        parts += [text[at:found], MARK]
        at = end
    return "".join([*parts, text[at:]])


def without_secrets(value: Any, redact: Callable[[str], str]) -> Any:
    """A JSON value with all its strings and names redacted, the same one where there is nothing to redact.

    One by one: in JSON text, the end of `\\n` could be taken for the beginning of a key.
    """
    text = json.dumps(value, separators=(",", ":"))
    return value if redact(text) == text else _mapped(value, redact)


def _mapped(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list | tuple):
        return [_mapped(item, redact) for item in value]
    if isinstance(value, dict):
        return {redact(name): _mapped(item, redact) for name, item in value.items()}
    return value


def _spellings(secret: str) -> Iterator[str]:
    """The forms in which a value stands in what programs write down."""
    in_json = _in_json(secret)
    yield from (secret, in_json, _in_json(in_json), json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (quote(secret), quote(secret, safe=""), quote_plus(secret))
    data = secret.encode(errors="surrogateescape")
    yield from (ascii(secret)[1:-1], repr(secret)[1:-1], repr(data)[2:-1])
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):  # wherever in a longer text it stood
            whole = encode(b"\0" * before + data).decode()
            # Of the first and the last letters a part belongs to what stood beside it.
            yield whole[4 if before else 0 : len(whole) - 4]


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]
