#!/bin/bash
# Reward 1 if every case of cases.jsonl returns the expected value, else 0.
mkdir -p /logs/verifier
cd /workspace || exit 1
if python3 -S -B /tests/grade.py; then reward=1; else reward=0; fi
echo "$reward" > /logs/verifier/reward.txt
