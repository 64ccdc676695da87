#!/bin/bash
# Runs in a fresh container of the image, with what the agent changed, in the same folder.
seq 1 9 | cmp - numbers.txt && echo 1 >/logs/verifier/reward.txt || echo 0 >/logs/verifier/reward.txt
