"""Names on the host that say which run and job something belongs to, so that `hgm gc` touches nothing else."""

import hashlib
import itertools
import os
import re
from typing import NamedTuple

PREFIX = "hgm"
_LONGEST = 90
_PLAIN = re.compile(r"[A-Za-z0-9_-]")
_count = itertools.count()


class Owner(NamedTuple):
    """What a name on the host says about itself, both parts as `encoded`."""

    run: str
    job: str


def encoded(text: str) -> str:
    """A run's or job's name in letters that are safe in file, unit and group names; different names stay different."""
    plain = "".join(c if _PLAIN.match(c) else "".join(f"={b:02x}" for b in c.encode("utf-8", "replace")) for c in text)
    if len(plain) <= _LONGEST:
        return plain
    return f"{plain[: _LONGEST - 17]}={hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:16]}"


def new_name(run: str, job: str) -> str:
    """`hgm.<run>.<job>.<unique on this machine>`."""
    return f"{PREFIX}.{encoded(run)}.{encoded(job)}.{os.getpid():x}-{next(_count):x}"


def owner_of(name: str) -> Owner | None:
    """The reverse of `new_name`; None for names that are not ours."""
    parts = name.removesuffix(".scope").split(".")
    return Owner(parts[1], parts[2]) if len(parts) == 4 and parts[0] == PREFIX else None
