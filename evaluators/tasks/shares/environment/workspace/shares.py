def split_amount(cents, weights):
    """Split an amount by weights so that nothing is lost."""
    total = sum(weights)
    shares = [cents * weight // total for weight in weights]
    rest = cents - sum(shares)
    order = sorted(range(len(weights)), key=lambda i: (-(cents * weights[i] % total), i))
    shares[order[-1]] += rest
    return shares
