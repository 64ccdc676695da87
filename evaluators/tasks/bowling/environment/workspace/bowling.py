def frames_of(rolls):
    """The indexes at which the ten frames start."""
    starts = []
    index = 0
    while len(starts) < 10:
        starts.append(index)
        if rolls[index] == 10:
            index += 1
        else:
            index += 2
    return starts


def bowling_score(rolls):
    total = 0
    for start in frames_of(rolls):
        if rolls[start] == 10:
            total += 10 + rolls[start + 1] + rolls[start + 2]
        elif rolls[start + 1] == 10:
            total += 10 + rolls[start + 1]
        else:
            total += rolls[start] + rolls[start + 1]
    return total
