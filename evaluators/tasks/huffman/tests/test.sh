#!/bin/bash
# Reward 1 if every case of cases.jsonl returns the expected value, else 0.
mkdir -p /logs/verifier
cd /workspace || exit 1
if python3 -S /tests/grade.py; then echo 1; else echo 0; fi > /logs/verifier/reward.txt
