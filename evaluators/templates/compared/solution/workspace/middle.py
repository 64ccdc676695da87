def middle(values):
    """The median of some numbers: the mean of the two in the middle where their count is even."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
