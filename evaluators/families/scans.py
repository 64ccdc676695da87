"""Walks over a list of numbers: runs, windows, peaks, pairs, clipped sums."""

from random import Random

from evaluators.families.draft import Args, Draft, Mistake, coin, ints, names, step, structure


def longest_run(rng: Random) -> Draft:
    xs, best, run, i = names(
        rng, "values items numbers readings", "best longest record", "run length streak", "i k pos"
    )
    function = rng.choice(["longest_run", "best_streak", "longest_stretch"])
    relation, words = rng.choice(
        [
            ("{b} == {a}", "equal to its predecessor"),
            ("{b} > {a}", "strictly greater than its predecessor"),
            ("{b} >= {a}", "at least as large as its predecessor"),
            ("abs({b} - {a}) <= 2", "at most 2 away from its predecessor"),
            ("{b} % 2 != {a} % 2", "of the other parity than its predecessor"),
        ]
    )
    wants_start = coin(rng)
    result = "the index where the first longest such stretch starts" if wants_start else "the length of the longest one"
    if coin(rng):
        test = relation.format(a=f"{xs}[{i} - 1]", b=f"{xs}[{i}]")
        keep = f"            {best} = {run}\n" + (f"            start = {i} - {run} + 1\n" if wants_start else "")
        source = f"""\
def {function}({xs}):
    if not {xs}:
        return {-1 if wants_start else 0}
    {best} = 1
    {run} = 1
{"    start = 0" + chr(10) if wants_start else ""}\
    for {i} in range(1, len({xs})):
        if {test}:
            {run} += 1
        else:
            {run} = 1
        if {run} > {best}:
{keep}\
    return {"start" if wants_start else best}
"""
        wrong = (
            step(f"            {run} = 1\n", f"            {run} -= 1\n"),
            step(f"if {run} > {best}:", f"if {run} > 2:"),
        )
    else:
        test = relation.format(a=f"{xs}[end - 1]", b=f"{xs}[end]")
        source = f"""\
def {function}({xs}):
    {best} = {"-1" if wants_start else "0"}
    {run} = 0
    {i} = 0
    while {i} < len({xs}):
        end = {i} + 1
        while end < len({xs}) and {test}:
            end += 1
        if end - {i} > {run}:
            {run} = end - {i}
            {best} = {i if wants_start else run}
        {i} = end
    return {best}
"""
        wrong = (
            step(f"        {i} = end\n", f"        {i} += 2\n"),
            step(f"        if end - {i} > {run}:\n", "        if end:\n"),
        )
    empty = "-1" if wants_start else "0"
    intent = (
        f"A stretch is a run of neighbouring elements in which every element after the first is {words}. "
        f"`{function}({xs})` returns {result}; for an empty list it returns {empty}."
    )
    high = rng.choice([3, 5, 8])
    return Draft(
        function=function, source=source, intent=intent, draw=lambda r: (ints(r, 0, high, most=11),), mistakes=wrong
    )


def windows(rng: Random) -> Draft:
    xs, size, total, found = names(
        rng, "values data samples", "size width span", "total window acc", "count found hits"
    )
    function = rng.choice(["count_windows", "busy_windows", "windows_over"])
    sign, words = rng.choice([(">", "greater than"), (">=", "at least"), ("<", "less than"), ("<=", "at most")])
    first = rng.random() < 0.35
    what = "the start index of the first window" if first else "how many windows there are"
    if coin(rng):
        hit = "        return 0\n" if first else f"        {found} += 1\n"
        hit_later = f"            return index - {size} + 1\n" if first else f"            {found} += 1\n"
        source = f"""\
def {function}({xs}, {size}, limit):
    if {size} <= 0 or {size} > len({xs}):
        return {-1 if first else 0}
{"" if first else f"    {found} = 0" + chr(10)}\
    {total} = sum({xs}[:{size}])
    if {total} {sign} limit:
{hit}\
    for index in range({size}, len({xs})):
        {total} += {xs}[index]
        {total} -= {xs}[index - {size}]
        if {total} {sign} limit:
{hit_later}\
    return {-1 if first else found}
"""
        wrong = (
            step(f"        {total} -= {xs}[index - {size}]\n", f"        {total} -= {xs}[0]\n"),
            step(
                f"        {total} += {xs}[index]\n        {total} -= {xs}[index - {size}]\n",
                f"        {total} = sum({xs}[index:])\n",
            ),
        )
    else:
        source = f"""\
def {function}({xs}, {size}, limit):
    {found} = {"-1" if first else "0"}
    if {size} <= 0:
        return {found}
    for start in range(len({xs}) - {size} + 1):
        {total} = 0
        for offset in range({size}):
            {total} += {xs}[start + offset]
        if {total} {sign} limit:
            {"return start" if first else f"{found} += 1"}
    return {found}
"""
        wrong = (
            step(f"        {total} = 0\n", ""),
            step("start + offset", "offset"),
        )
    intent = (
        f"`{function}({xs}, {size}, limit)` looks at every window of exactly `{size}` neighbouring elements and returns "
        f"{what} whose sum is {words} `limit`. If there is no window at all, or `{size}` is not positive, "
        + ("or no window qualifies, it returns -1." if first else "it returns 0.")
    )

    def draw(r: Random) -> Args:
        values = ints(r, -3, 9, most=10)
        width = r.randint(-1 if r.random() < 0.1 else 1, 4)
        return values, width, r.choice([sum(values[i : i + width]) for i in range(4)]) + r.randint(-1, 1)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def peaks(rng: Random) -> Draft:
    xs, out, i = names(rng, "heights levels values series", "result found peaks", "i pos k")
    function = rng.choice(["local_peaks", "summits", "turning_points"])
    valley, equal, ends = coin(rng), coin(rng), coin(rng)
    sign = ("<" if valley else ">") + ("=" if equal else "")
    words = ("smaller" if valley else "greater") + (" than or equal to" if equal else " than")
    values = coin(rng)
    append = f"{out}.append({xs}[{i}])" if values else f"{out}.append({i})"
    if ends:
        source = f"""\
def {function}({xs}):
    {out} = []
    last = len({xs}) - 1
    for {i} in range(len({xs})):
        if {i} > 0 and not {xs}[{i}] {sign} {xs}[{i} - 1]:
            continue
        if {i} < last and not {xs}[{i}] {sign} {xs}[{i} + 1]:
            continue
        {append}
    return {out}
"""
        edge = "The first and the last element only have one neighbour and count if they satisfy the rule for it."
    else:
        source = f"""\
def {function}({xs}):
    {out} = []
    for {i} in range(1, len({xs}) - 1):
        left = {xs}[{i}] {sign} {xs}[{i} - 1]
        right = {xs}[{i}] {sign} {xs}[{i} + 1]
        if left and right:
            {append}
    return {out}
"""
        edge = "The first and the last element never count."
    intent = (
        f"`{function}({xs})` returns, in order, the {'values' if values else 'indexes'} of all elements that are {words} "
        f"both their neighbours. {edge}"
    )
    wrong = (
        step(f"    return {out}\n", f"    return {out}[::-1]\n"),
        structure(f"{out} = []", f"{out} = [0] * len({xs})"),
    )
    return Draft(
        function=function, source=source, intent=intent, draw=lambda r: (ints(r, 0, 6, most=9),), mistakes=wrong
    )


def pairs(rng: Random) -> Draft:
    xs, found = names(rng, "numbers values weights", "count pairs matches")
    function = rng.choice(["count_pairs", "matching_pairs", "pairs_with"])
    test, words = rng.choice(
        [
            ("{a} + {b} == {t}", "whose sum is exactly"),
            ("abs({a} - {b}) == {t}", "whose absolute difference is exactly"),
            ("abs({a} - {b}) <= {t}", "whose absolute difference is at most"),
            ("{a} + {b} > {t}", "whose sum is greater than"),
            ("{b} - {a} >= {t}", "in which the later one exceeds the earlier one by at least"),
        ]
    )
    if "==" in test and coin(rng):
        mirrored = "target - value" if "+" in test else None
        seen = f"seen.get({mirrored}, 0)" if mirrored else "seen.get(value - target, 0)"
        extra = "" if mirrored else (
            "        if target != 0:\n" + f"            {found} += seen.get(value + target, 0)\n"
        )  # fmt: skip
        source = f"""\
def {function}({xs}, target):
    {found} = 0
    seen = {{}}
    for value in {xs}:
        {found} += {seen}
{extra}\
        seen[value] = seen.get(value, 0) + 1
    return {found}
"""
        wrong = (
            structure("seen[value] = seen.get(value, 0) + 1", "seen[value] = 1"),
            step(f"        {found} += {seen}\n", f"        {found} = {seen}\n"),
        )
    else:
        source = f"""\
def {function}({xs}, target):
    {found} = 0
    for i in range(len({xs})):
        for j in range(i + 1, len({xs})):
            if {test.format(a=f"{xs}[i]", b=f"{xs}[j]", t="target")}:
                {found} += 1
    return {found}
"""
        wrong = (
            step("range(i + 1, len", "range(len"),
            step(f"                {found} += 1\n", f"                {found} += 1\n                break\n"),
        )
    intent = (
        f"`{function}({xs}, target)` counts the pairs of two different positions, each pair once, {words} `target`. "
        "Equal values at different positions are different pairs."
    )
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: (ints(r, 0, 8, most=8), r.randint(0, 9)),
    )  # fmt: skip


def clipped_sum(rng: Random) -> Draft:
    xs, level, out = names(rng, "changes deltas moves steps", "level balance stock", "history trace log")
    function = rng.choice(["levels", "clipped_history", "tank_levels"])
    low, high = rng.choice([(0, 10), (0, 7), (-5, 5), (1, 12)])
    reset = coin(rng)
    overflow = f"{level} = {low}" if reset else f"{level} = {high}"
    history = coin(rng)
    note = f"            lost += {level} - {high}\n" if not history and not reset else ""
    outcome = out if history else ("lost" if note else f"[{level}, resets]")
    counter = "" if history or note else "            resets += 1\n"
    prepare = f"    {out} = []\n" if history else ("    lost = 0\n" if note else "    resets = 0\n")
    source = f"""\
def {function}({xs}, start):
    {level} = start
{prepare}\
    for change in {xs}:
        {level} += change
        if {level} > {high}:
{note}{counter}\
            {overflow}
        elif {level} < {low}:
            {level} = {low}
{f"        {out}.append({level})" + chr(10) if history else ""}\
    return {outcome}
"""
    returned = (
        "the list of levels after each change" if history
        else "the total amount that was cut off above the upper limit" if note
        else "a list of the final level and how often it was reset from above"
    )  # fmt: skip
    intent = (
        f"`{function}({xs}, start)` follows a level that begins at `start` and moves by each change in turn. A level above "
        f"{high} is set to {low if reset else high}, a level below {low} is set to {low}. It returns {returned}."
    )
    wrong = (
        step(f"        {level} += change\n", f"        {level} = start + change\n"),
        step(f"        elif {level} < {low}:", f"        if {level} < {low} and change > 0:"),
    )
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: (ints(r, -8, 8, most=8), r.randint(low, high)),
    )  # fmt: skip


def range_sums(rng: Random) -> Draft:
    xs, prefix, out = names(rng, "values numbers cells", "prefix sums totals", "answers result replies")
    function = rng.choice(["range_sums", "answer_queries", "slice_totals"])
    inclusive = coin(rng)
    right = "last + 1" if inclusive else "last"
    bound = "both ends included" if inclusive else "`first` included and `last` excluded"
    mean = rng.random() < 0.3
    append = (
        f"        {out}.append(({prefix}[{right}] - {prefix}[first]) // ({right} - first))\n"
        if mean else f"        {out}.append({prefix}[{right}] - {prefix}[first])\n"
    )  # fmt: skip
    empty = "last < first" if inclusive else "last <= first"
    source = f"""\
def {function}({xs}, queries):
    {prefix} = [0]
    for value in {xs}:
        {prefix}.append({prefix}[-1] + value)
    {out} = []
    for first, last in queries:
        if {empty}:
            {out}.append(0)
            continue
{append}\
    return {out}
"""
    intent = (
        f"`{function}({xs}, queries)` answers each query `[first, last]` with the "
        f"{'mean, rounded down,' if mean else 'sum'} of the elements at these positions, {bound}; an empty range gives 0. "
        "The answers come in the order of the queries."
    )
    wrong = (
        step(f"{prefix}.append({prefix}[-1] + value)", f"{prefix}.append(value)"),
        step(f" - {prefix}[first])", f" - {prefix}[0])"),
        structure(f"    {out} = []\n", f"    {out} = {prefix}\n"),
    )

    def draw(r: Random) -> Args:
        values = ints(r, -4, 9, least=1, most=8)
        top = len(values) - (1 if inclusive else 0)
        return values, [[r.randint(0, len(values) - 1), r.randint(0, top)] for _ in range(r.randint(1, 4))]

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def best_trade(rng: Random) -> Draft:
    xs, low, best = names(rng, "prices quotes rates", "lowest cheapest bottom", "best profit gain")
    function = rng.choice(["best_trade", "max_gain", "best_profit"])
    fee = rng.choice([0, 1, 2])
    many = coin(rng)
    minus = f" - {fee}" if fee else ""
    if many:
        source = f"""\
def {function}({xs}):
    {best} = 0
    for i in range(1, len({xs})):
        change = {xs}[i] - {xs}[i - 1]{minus}
        if change > 0:
            {best} += change
    return {best}
"""
        rule = (
            "You may hold from one day to the next as often as you like; every night gains the "
            f"difference to the next day{f' less a fee of {fee}' if fee else ''}. Only days with a gain are used."
        )
        wrong: tuple[Mistake, ...] = (
            step(f"            {best} += change\n", f"            {best} = max({best}, change)\n"),
        )
    else:
        source = f"""\
def {function}({xs}):
    if not {xs}:
        return 0
    {low} = {xs}[0]
    {best} = 0
    for price in {xs}[1:]:
        if price - {low}{minus} > {best}:
            {best} = price - {low}{minus}
        if price < {low}:
            {low} = price
    return {best}
"""
        paid = f", and pay a fee of {fee} in total" if fee else ""
        rule = f"You buy once and sell once, later{paid}; not trading gains 0."
        wrong = (
            step(f"    return {best}\n", f"    return max({xs}) - min({xs})\n"),
            step(f"            {low} = price\n", f"            {low} = price\n            {best} = 0\n"),
        )
    intent = f"`{function}({xs})` returns the largest possible gain for a list of daily prices. {rule}"
    return Draft(
        function=function, source=source, intent=intent, draw=lambda r: (ints(r, 1, 12, most=8),), mistakes=wrong
    )


FAMILIES = (longest_run, windows, peaks, pairs, clipped_sum, range_sums, best_trade)
