def allowed(requests, limit, span):
    """Decide for every request `[time, user]`, in order."""
    recent = {}
    decisions = []
    for time, user in requests:
        accepted = [moment for moment in recent.get(user, []) if moment > time - span]
        if len(accepted) < limit:
            accepted.append(time)
            decisions.append(True)
        else:
            decisions.append(False)
        recent[user] = accepted
    return decisions
