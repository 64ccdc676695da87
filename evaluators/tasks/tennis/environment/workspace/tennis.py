NAMES = ["love", "fifteen", "thirty", "forty"]


def finished(first, second):
    return max(first, second) >= 4 and abs(first - second) >= 2


def tennis_score(points):
    """The score of a game after points won by "A" or "B"."""
    first = 0
    second = 0
    for point in points:
        if finished(first, second):
            return "game over"
        if point == "A":
            first += 1
        else:
            second += 1
    if finished(first, second):
        return "game A" if first > second else "game B"
    if first >= 3 and second >= 3 and first == second:
        return "deuce"
    if first == second:
        return NAMES[first] + " all"
    return NAMES[first] + " " + NAMES[second]
