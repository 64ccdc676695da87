def merge_two(groups):
    """Join the two lightest groups; all their letters get one bit longer."""
    groups.sort(key=lambda group: (group[0], min(group[1])))
    light, heavy = groups[0], groups[1]
    joined = {letter: bits + 1 for letter, bits in list(light[1].items()) + list(heavy[1].items())}
    return groups[2:] + [(light[0] + heavy[0], joined)]


def code_lengths(text):
    counts = {}
    for letter in text:
        counts[letter] = counts.get(letter, 0) + 1
    groups = [(count, {letter: 0}) for letter, count in counts.items()]
    if len(groups) == 1:
        return {text[0]: 1}
    while len(groups) > 1:
        groups = merge_two(groups)
    return groups[0][1] if groups else {}
