from middle import middle

assert middle([3, 1, 2]) == 2, middle([3, 1, 2])
assert middle([4, 1, 2, 3]) == 2.5, middle([4, 1, 2, 3])
print("all visible tests pass")
