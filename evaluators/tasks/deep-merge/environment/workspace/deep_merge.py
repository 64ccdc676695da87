def merge(base, change):
    """A new value in which `change` is laid over `base`."""
    if isinstance(base, dict) and isinstance(change, dict):
        result = dict(base)
        for key, value in change.items():
            if key in result:
                result[key] = merge(result[key], value)
            else:
                result[key] = merge({}, value) if isinstance(value, dict) else value
        return result
    if isinstance(base, list) and isinstance(change, list):
        return base + change
    return change


def merge_all(layers):
    result = {}
    for layer in layers:
        result = merge(result, layer)
    return result
