class Cache:
    """Keeps the entries that were used last."""

    def __init__(self, size):
        self.size = size
        self.entries = {}

    def get(self, key):
        if key not in self.entries:
            return None
        value = self.entries.pop(key)
        self.entries[key] = value
        return value

    def put(self, key, value):
        if key in self.entries:
            self.entries.pop(key)
        elif len(self.entries) >= self.size:
            oldest = next(iter(self.entries))
            del self.entries[oldest]
        self.entries[key] = value


def replay(size, operations):
    cache = Cache(size)
    answers = []
    for operation in operations:
        if operation[0] == "get":
            answers.append(cache.get(operation[1]))
        else:
            cache.put(operation[1], operation[2])
    answers.append(list(cache.entries))
    return answers
