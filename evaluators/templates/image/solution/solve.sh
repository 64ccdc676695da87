#!/bin/bash
# Makes the reference solution, in the task's own folder. Validation runs it.
sort -n -o numbers.txt numbers.txt
