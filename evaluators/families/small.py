"""Functions of a line or a few: the easy end of the benchmark."""

from random import Random

from evaluators.families.draft import Args, Draft, Mistake, coin, ints, names, step, word


def one_line(rng: Random) -> Draft:
    xs, x, k = names(rng, "values items numbers", "x value item", "k limit amount")
    function = rng.choice(["work_out", "compute", "answer"])
    factor = rng.randint(2, 4)
    choice = rng.randint(0, 7)
    body, words = [
        (f"sum({x} for {x} in {xs} if {x} > {k})", f"the sum of all elements greater than `{k}`"),
        (f"len([{x} for {x} in {xs} if {x} % {factor} == 0 and {x} <= {k}])", f"how many elements are divisible by {factor} and at most `{k}`"),
        (f"[{x} * {factor} for {x} in {xs} if {x} != {k}]", f"all elements not equal to `{k}`, multiplied by {factor}"),
        (f"sorted({xs})[-{factor}:] + [{k}]", f"the {factor} largest elements (all, if there are fewer) in ascending order, followed by `{k}`"),
        (f"max({xs}, default={k}) - min({xs}, default={k})", f"the difference of the largest and the smallest element, 0 for an empty list; `{k}` does not matter"),
        (f"{xs}[{k} % {factor}::{factor}]", f"every element number {factor} (counted from one to the next), beginning with the one at index `{k}` modulo {factor}"),
        (f"[{x} for {x} in {xs} if abs({x} - {k}) <= {factor}]", f"all elements that differ from `{k}` by at most {factor}"),
        (f"any({x} + {k} in {xs} for {x} in {xs})", f"whether there are two elements of which one is greater than the other by exactly `{k}` (for 0: whether there is any element)"),
    ][choice]  # fmt: skip
    source = f"def {function}({xs}, {k}):\n    return {body}\n"
    if coin(rng):
        source = f"def {function}({xs}, {k}):\n    result = {body}\n    return result\n"
    intent = f"`{function}({xs}, {k})` returns {words}."
    return Draft(
        function=function, source=source, intent=intent,
        draw=lambda r: (ints(r, 0, 12, least=1 if choice == 7 else 0), r.randint(0, 9)),
    )  # fmt: skip


def clamp(rng: Random) -> Draft:
    value, low, high = names(rng, "value number reading", "low least bottom", "high most top")
    function = rng.choice(["clamp", "keep_between", "bounded"])
    wide = coin(rng)
    if coin(rng):
        source = f"""\
def {function}({value}, {low}, {high}):
    if {low} > {high}:
        {low}, {high} = {high}, {low}
    if {value} < {low}:
        return {f"{low} + ({low} - {value})" if wide else low}
    if {value} > {high}:
        return {f"{high} - ({value} - {high})" if wide else high}
    return {value}
"""
        what = (
            "is reflected at that bound: it is as far inside as it was outside" if wide else "is replaced by that bound"
        )
        intent = f"`{function}({value}, {low}, {high})` returns the number unchanged if it lies between the two bounds, which may be given in either order; otherwise it {what}."
        wrong = (
            step(f"    if {low} > {high}:\n        {low}, {high} = {high}, {low}\n", ""),
            step(f"    if {value} > {high}:\n        return", f"    elif {value} < {high}:\n        return"),
        )
    else:
        source = f"""\
def {function}({value}, {low}, {high}):
    size = {high} - {low}{" + 1" if wide else ""}
    if size <= 0:
        return {low}
    return ({value} - {low}) % size + {low}
"""
        intent = f"`{function}({value}, {low}, {high})` moves a whole number by multiples of the length of the range from `{low}` to `{high}` ({'both included' if wide else 'the end excluded'}) until it lies in it; for an empty range it returns `{low}`."
        wrong = (
            step(f"    if size <= 0:\n        return {low}\n", f"    if size < 0:\n        return {low}\n"),
            step(f"({value} - {low}) % size + {low}", f"{value} % size"),
        )
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: (r.randint(-15, 25), r.randint(-3, 6), r.randint(0, 12)),
    )  # fmt: skip


def classify(rng: Random) -> Draft:
    value, out = names(rng, "points score marks", "grade label level")
    function = rng.choice(["grade", "label_for", "classify"])
    limits = sorted(rng.sample(range(10, 95, 5), rng.randint(2, 4)), reverse=True)
    labels = rng.sample(["A", "B", "C", "D", "E", "F"], len(limits) + 1)
    strict = coin(rng)
    sign = ">" if strict else ">="
    chain = "".join(
        f'    {"if" if number == 0 else "elif"} {value} {sign} {limit}:\n        {out} = "{labels[number]}"\n'
        for number, limit in enumerate(limits)
    )
    bonus = rng.choice([0, 3, 5])
    extra = f"    if extra and {value} < 100:\n        {value} = min(100, {value} + {bonus})\n" if bonus else ""
    source = f"""\
def {function}({value}, extra):
    if {value} < 0 or {value} > 100:
        return None
{extra}{chain}\
    else:
        {out} = "{labels[-1]}"
    return {out}{"" if bonus else ' + ("+" if extra else "")'}
"""
    steps = ", ".join(
        f"'{label}' for {'more than' if strict else 'at least'} {limit}"
        for label, limit in zip(labels, limits, strict=False)
    )
    added = (
        f"If `extra` is true, {bonus} are added first, up to 100." if bonus else "If `extra` is true, a + is appended."
    )
    intent = f"`{function}({value}, extra)` returns None for a number outside 0 to 100. {added} Otherwise: {steps}, else '{labels[-1]}'."
    wrong = (
        step(chain, chain.replace("elif", "if")),
        step(f"    if {value} < 0 or {value} > 100:\n        return None\n", ""),
        step(extra, f"    if extra:\n        {value} += {bonus}\n")
        if bonus
        else step("        return None\n", f"        {value} = 0\n"),
    )
    places = [
        0,
        100,
        101,
        -1,
        *limits,
        *(limit - 1 for limit in limits),
        *(limit + 1 for limit in limits),
        *(limit - bonus for limit in limits),
    ]
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: (r.choice([*places, r.randint(0, 100)]), r.random() < 0.5),
    )  # fmt: skip


def letters(rng: Random) -> Draft:
    text, out, letter = names(rng, "text phrase line", "counts result table", "letter symbol sign")
    function = rng.choice(["count_letters", "letter_work", "common_letters"])
    kind = rng.choice(["counts", "most", "first_single", "anagram"])
    fold = coin(rng)
    each = f"{text}.lower()" if fold else text
    extra = ""
    if kind == "counts":
        source = f"""\
def {function}({text}):
    {out} = {{}}
    for {letter} in {each}:
        if {letter}.isalpha():
            {out}[{letter}] = {out}.get({letter}, 0) + 1
    return {out}
"""
        words = "a dictionary of how often each letter occurs; other characters do not count"
        wrong: tuple[Mistake, ...] = (
            step(f"{out}.get({letter}, 0) + 1", f"{text}.count({letter}) + {out}.get({letter}, 0)"),
        )
    elif kind == "most":
        source = f"""\
def {function}({text}):
    best = ""
    for {letter} in {each}:
        if {letter}.isalpha() and (best == "" or {each}.count({letter}) > {each}.count(best)):
            best = {letter}
    return best
"""
        words = "the most frequent letter, the one that comes first among equals; an empty string if there is no letter"
        wrong = (
            step(f'(best == "" or {each}.count({letter}) > {each}.count(best))', f'(best == "" or {letter} > best)'),
        )
    elif kind == "first_single":
        source = f"""\
def {function}({text}):
    seen = []
    for {letter} in {each}:
        seen.append({letter})
    for place, {letter} in enumerate(seen):
        if {letter} not in seen[:place] and {letter} not in seen[place + 1 :]:
            return place
    return -1
"""
        words = "the index of the first character that occurs only once, -1 if there is none"
        wrong = (
            step(
                f"{letter} not in seen[:place] and {letter} not in seen[place + 1 :]",
                f"{letter} not in seen[place + 1 :]",
            ),
        )
    else:
        extra = ", other"
        other = "other.lower()" if fold else "other"
        source = f"""\
def {function}({text}, other):
    left = list({other})
    for {letter} in {each}:
        if {letter} == " ":
            continue
        if {letter} not in left:
            return False
        left.remove({letter})
    return all(rest == " " for rest in left)
"""
        words = "whether the two texts consist of the same characters, each equally often, spaces not counting"
        wrong = (
            step(f"        left.remove({letter})\n", ""),
            step('    return all(rest == " " for rest in left)\n', "    return True\n"),
        )
    intent = f"`{function}({text}{extra})` returns {words}. Upper and lower case are {'the same, the result is in lower case' if fold else 'different'}."

    def draw(r: Random) -> Args:
        first = word(r, "aabBc -", most=9)
        if kind != "anagram":
            return (first,)
        mixed = r.sample(first, len(first))
        return first, "".join(mixed[: len(mixed) - r.randint(0, 1)]) + r.choice(["", "", " ", "a"])

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


FAMILIES = (one_line, clamp, classify, letters)
