#!/bin/bash
# Runs in a fresh sandbox, with what the agent left in /workspace. No network.
python3 /tests/try.py && echo 1 >/logs/verifier/reward.txt || echo 0 >/logs/verifier/reward.txt
