def smallest_missing(numbers):
    value = 0
    while value in numbers:
        value += 1
    return value


def values_up_to(size, moves):
    """The nimber of every heap up to `size`, taking one of `moves` at a time."""
    values = [0]
    for heap in range(1, size + 1):
        reachable = {values[heap - move] for move in moves if move <= heap}
        values.append(smallest_missing(reachable))
    return values


def winning_move(heaps, moves):
    values = values_up_to(max(heaps, default=0), moves)
    total = 0
    for heap in heaps:
        total ^= values[heap]
    if total == 0:
        return None
    for index, heap in enumerate(heaps):
        for move in sorted(moves):
            if move <= heap and values[heap - move] ^ values[heap] ^ total == 0:
                return [index, move]
    return None
