ORDER = "23456789TJQKA"


def counts_of(hand):
    """How often each rank occurs, most frequent first."""
    counts = {}
    for card in hand:
        counts[card[0]] = counts.get(card[0], 0) + 1
    return sorted(counts.values(), reverse=True)


def is_straight(hand):
    places = sorted(ORDER.index(card[0]) for card in hand)
    if places[0] == 12:
        return False
    return all(after - before == 1 for before, after in zip(places, places[1:]))


def is_flush(hand):
    return len({card[1] for card in hand}) == 1


def name_hand(hand):
    counts = counts_of(hand)
    straight = is_straight(hand)
    flush = is_flush(hand)
    if straight and flush:
        return "straight flush"
    if counts[0] == 4:
        return "four of a kind"
    if counts[0] == 3 and counts[-1] == 1:
        return "full house"
    if flush:
        return "flush"
    if straight:
        return "straight"
    if counts[0] == 3:
        return "three of a kind"
    if counts[:2] == [2, 2]:
        return "two pairs"
    if counts[0] == 2:
        return "pair"
    return "high card"
