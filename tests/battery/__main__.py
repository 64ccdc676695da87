"""`make battery`: every attempt on every sandbox of this machine, a line each as it ends; exit status 1 if one got out.

--short leaves out what the short form of the tests leaves out, --only NAME keeps attempts whose name or kind holds it,
--sandbox NAME keeps one sandbox.
"""

import argparse
import os
import sys
from collections.abc import Iterator

from hgm.errors import HGMError
from hgm.text import printable
from sandboxes.choose import NAMES, choose
from tests.battery.attempt import PASSED, Attempt
from tests.battery.every import HOSTILE, cheating
from tests.battery.field import Field, Report, open_field

_WIDTHS = (9, 32, 64, 11, 22, 12)
_HEAD = ("", "attempt", "what it tries", "sandbox", "outcome", "contained")


def main() -> int:
    """Run the battery; 0 if all of it was contained and ended as it must."""
    options = _options()
    attempts = [attempt for attempt in (*HOSTILE, *cheating()) if _wanted(attempt, options)]
    sandboxes = [options.sandbox] if options.sandbox else [name for name in NAMES if name != "auto"]
    there = [name for name in sandboxes if _is_there(name)]
    if not attempts or not there:
        print("Nothing to do: no such attempt, or no sandbox can be started here.")
        return 2
    who = "root" if os.geteuid() == 0 else "an ordinary user"
    print(f"{len(attempts)} attempts on {' and '.join(there)}, as {who}\n")
    _row(*_HEAD)
    reports = [report for name in there for report in _on(name, attempts)]
    return _totals(reports, skipped=len(attempts) * len(there) - len(reports))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.battery", description=(__doc__ or "").split(";")[0])
    parser.add_argument("--short", action="store_true", help="the short form")
    parser.add_argument("--only", default="", metavar="NAME", help="attempts whose name or kind holds NAME")
    parser.add_argument("--sandbox", choices=[name for name in NAMES if name != "auto"])
    return parser.parse_args()


def _wanted(attempt: Attempt, options: argparse.Namespace) -> bool:
    return (attempt.short or not options.short) and (options.only in attempt.name or options.only in attempt.kind)


def _is_there(sandbox: str) -> bool:
    try:
        choose(sandbox)
    except HGMError as error:
        print(f"Left out: {sandbox}: {printable(str(error), 300)}")
        return False
    return True


def _on(sandbox: str, attempts: list[Attempt]) -> Iterator[Report]:
    with open_field(sandbox) as field:
        for number, attempt in enumerate(attempts, 1):
            report = _made(field, attempt, f"{number}/{len(attempts)}")
            if report:
                yield report
        if harm := [*field.harm()]:
            raise SystemExit(f"after all of them: {'; '.join(harm)}")


def _made(field: Field, attempt: Attempt, number: str) -> Report | None:
    if reason := field.unfit(attempt):
        _row(number, attempt.name, attempt.tries, field.sandbox, f"left out: {reason}", "-")
        return None
    report = field.face(attempt)
    ending = " ".join(report.ending).strip()
    _row(number, attempt.name, attempt.tries, field.sandbox, ending, _contained(report))
    if report.complaint:
        print(f"{'':9} ^^^ {printable(report.complaint, 2000)}", flush=True)
    return report


def _contained(report: Report) -> str:
    if report.escapes:
        return "NO"
    fooled = report.attempt.kind.startswith("cheating") and report.ending == PASSED
    return "not promised" if fooled and report.held else "yes"


def _row(*cells: str) -> None:
    texts = (printable(cell, 1000) for cell in cells)
    cut = (text if len(text) <= width else text[: width - 1] + "…" for text, width in zip(texts, _WIDTHS, strict=True))
    print("  ".join(f"{text:{width}}" for text, width in zip(cut, _WIDTHS, strict=True)).rstrip(), flush=True)


def _totals(reports: list[Report], *, skipped: int) -> int:
    out = [report for report in reports if report.escapes]
    wrong = [report for report in reports if not report.held and not report.escapes]
    print(
        f"\n{len(reports)} attempts made, {len(reports) - len(out)} contained, {len(out)} got out, "
        f"{len(wrong)} ended otherwise than they must, {skipped} left out; {sum(r.seconds for r in reports):.0f} s"
    )
    for report in (*out, *wrong):
        print(f"  {report.attempt.name} on {report.sandbox}: {printable(report.complaint, 300)}")
    return 1 if out or wrong or not reports else 0


if __name__ == "__main__":
    sys.exit(main())
