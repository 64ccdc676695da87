import sys

sys.path.insert(0, "/workspace")
from middle import middle

assert middle([3, 1, 2]) == 2
assert middle([2, 2, 9, 9]) == 5.5
