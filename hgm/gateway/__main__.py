"""The gateway's process: `python -m hgm.gateway FOLDER`, started and owned by a controller (see hgm/gateway/client.py).

Standard input brings one line of JSON and then stays open as long as the controller lives: its end is the order to go.
The keys are in the environment, and nowhere else. Standard output says `ready` once the control socket answers.
"""

import asyncio
import logging
import logging.handlers
import os
import signal
import sys
from pathlib import Path

from hgm.errors import HGMError
from hgm.gateway.order import Order
from hgm.gateway.process import serve
from hgm.redaction import Redactor

EXIT_TROUBLE = 3


def main() -> int:
    """Serve until the controller is gone."""
    order = Order.from_json(sys.stdin.readline())
    folder = Path(sys.argv[1])
    os.umask(0o077)
    redact = Redactor.of(os.environ, also=order.keys)
    _log_to(folder / ".log", redact)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(serve(folder, order))
    except HGMError as error:
        print(redact(str(error)), flush=True)
        return EXIT_TROUBLE
    return 0


class Discreet(logging.Formatter):
    """Lines of the log, tracebacks included, without any key."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__("%(asctime)s %(name)s %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        return self._redact(super().format(record))


def _log_to(path: Path, redact: Redactor) -> None:
    """Agents can make the gateway complain, so what it says has a size limit."""
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=1_000_000, backupCount=1)
    handler.setFormatter(Discreet(redact))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
