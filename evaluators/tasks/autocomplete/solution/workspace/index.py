END = "$"


def build(words):
    """A tree of letters; END holds how often a word was given."""
    root = {}
    for word in words:
        node = root
        for letter in word:
            node = node.setdefault(letter, {})
        node[END] = node.get(END, 0) + 1
    return root


def below(node, prefix):
    """All words below a node, with their counts, in alphabetical order."""
    found = []
    for letter in sorted(node):
        if letter == END:
            found.append((prefix, node[END]))
        else:
            found.extend(below(node[letter], prefix + letter))
    return found
