#!/bin/bash
set -e
cp -r /solution/workspace/. /workspace/
