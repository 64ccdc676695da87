#!/bin/bash
# For Harbor itself; hgm compares the cases on the host.
python3 - <<'END' && echo 1 >/logs/verifier/reward.txt || echo 0 >/logs/verifier/reward.txt
import json
import sys

sys.path.insert(0, "/workspace")
from middle import middle

for line in open("/tests/cases.jsonl"):
    case = json.loads(line)
    assert abs(middle(*case["args"]) - case["expected"]) <= case.get("tolerance", 0), case
END
