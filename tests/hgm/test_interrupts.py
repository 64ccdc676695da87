import os
import signal
import subprocess
import sys

import pytest

from hgm.interrupts import Interrupts

STUBBORN = """
import os, signal, subprocess, threading
from hgm.interrupts import Interrupts

child = subprocess.Popen(["sleep", "1000"])
threading.Thread(target=signal.pause).start()
with Interrupts(told=lambda: os.write(1, b"told\\n"), leaving=lambda: os.write(1, b"leaving\\n")):
    print("ready", child.pid, flush=True)
    while True:
        signal.pause()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_only_asks(number: signal.Signals) -> None:
    told: list[bool] = []
    before = signal.getsignal(number)
    with Interrupts(told=lambda: told.append(True)) as interrupts:
        assert not interrupts.stopping()
        os.kill(os.getpid(), number)
        assert interrupts.stopping()
    assert told == [True]
    assert signal.getsignal(number) is before


def test_the_second_ends_the_process_with_its_threads_and_children() -> None:
    process = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        child = int(process.stdout.readline().split()[1])
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "told\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "leaving\n"
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
