def merge(base, change):
    """A new value in which `change` is laid over `base`."""
    if isinstance(base, dict) and isinstance(change, dict):
        result = dict(base)
        for key, value in change.items():
            if value is None:
                result.pop(key, None)
            elif key in result:
                result[key] = merge(result[key], value)
            else:
                result[key] = merge({}, value) if isinstance(value, dict) else value
        return result
    if isinstance(base, list) and isinstance(change, list):
        return base + [item for item in change if item not in base]
    return change


def merge_all(layers):
    result = {}
    for layer in layers:
        result = merge(result, layer)
    return result
