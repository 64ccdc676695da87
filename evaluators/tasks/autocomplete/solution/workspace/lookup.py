from index import below, build


def find(root, prefix):
    node = root
    for letter in prefix:
        if letter not in node:
            return None
        node = node[letter]
    return node


def suggest(words, prefix, limit):
    node = find(build(words), prefix)
    if node is None:
        return []
    found = below(node, prefix)
    found.sort(key=lambda entry: (-entry[1], entry[0]))
    return [word for word, count in found[:limit]]
