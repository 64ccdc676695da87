def middle(values):
    """The median of some numbers: the mean of the two in the middle where their count is even."""
    return sorted(values)[len(values) // 2]
