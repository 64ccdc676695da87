#!/bin/bash
# Reward 1 if every case of cases.jsonl returns the expected value, else 0; grade.py writes it.
mkdir -p /logs/verifier
echo 0 > /logs/verifier/reward.txt
cd /workspace || exit 1
python3 -S -B /tests/grade.py
