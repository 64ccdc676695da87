#!/bin/bash
# Makes the reference solution, in the task's own folder. Validation runs it.
cp -r "$(dirname "$0")"/workspace/. .
