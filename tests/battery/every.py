"""All attempts there are, the hostile ones and the cheating ones."""

from importlib.util import find_spec

from tests.battery.attempt import Attempt, failed
from tests.battery.attempts import blame, exhaust, gateway, reach, returns, rights

HOSTILE: tuple[Attempt, ...] = (
    *reach.ATTEMPTS,
    *rights.ATTEMPTS,
    *exhaust.ATTEMPTS,
    *returns.ATTEMPTS,
    *gateway.ATTEMPTS,
    *blame.ATTEMPTS,
)


def cheating() -> tuple[Attempt, ...]:
    """Every cheat twice, on a task whose answers the host compares and on one whose tests share a process with it."""
    if find_spec("tests.battery.cheating") is None:
        return ()
    from tests.battery.cheating import CHEATS, Doubles

    return tuple(
        Attempt(
            name=f"{cheat.name} ({how})",
            kind=f"cheating, {how}",
            tries=cheat.tries + (f" [not promised: {cheat.why}]" if cheat.why and how == "suite" else ""),
            code=cheat.main,
            ends=frozenset({failed("tests") if how == "compared" else cheat.suite}),
            benchmark=Doubles(),
            task="compared" if how == "compared" else cheat.on,
            noisy=True,
        )
        for how in ("compared", "suite")
        for cheat in CHEATS
    )
