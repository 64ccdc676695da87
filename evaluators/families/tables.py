"""Records and intervals: merging, grouping, ranking, stock keeping, histograms."""

from random import Random
from typing import Any

from evaluators.families.draft import Args, Draft, coin, ints, names, step, structure


def _intervals(r: Random, *, most: int = 6) -> list[list[int]]:
    starts = [r.randint(0, 14) for _ in range(r.randint(0, most))]
    return [[start, start + r.randint(0, 5)] for start in starts]


def merge_intervals(rng: Random) -> Draft:
    spans, out = names(rng, "spans intervals ranges", "merged result joined")
    function = rng.choice(["merge", "join_spans", "union_of"])
    touching = coin(rng)
    gap = rng.choice([0, 0, 1, 2])
    sign = "<=" if touching else "<"
    reach = f"{out}[-1][1] + {gap}" if gap else f"{out}[-1][1]"
    wants = rng.choice(["list", "length", "longest"])
    final = {
        "list": out,
        "length": f"sum(end - start for start, end in {out})",
        "longest": f"max((end - start for start, end in {out}), default=0)",
    }[wants]
    source = f"""\
def {function}({spans}):
    {out} = []
    for start, end in sorted({spans}):
        if {out} and start {sign} {reach}:
            {out}[-1][1] = max({out}[-1][1], end)
        else:
            {out}.append([start, end])
    return {final}
"""
    near = f"the next one begins {'at most' if touching else 'less than'} {gap} after the end" if gap else (
        "the next one begins before or exactly at the end" if touching else "the next one begins strictly before the end"
    )  # fmt: skip
    returned = {
        "list": "the resulting list `[start, end]`, ascending",
        "length": "the total length of the results",
        "longest": "the length of the longest result, 0 for none",
    }[wants]
    intent = (
        f"`{function}({spans})` takes intervals `[start, end]` in any order and joins two of them if, in ascending order, {near} of "
        f"what has been joined so far. It returns {returned}."
    )
    wrong = (
        step(f"max({out}[-1][1], end)", "end"),
        step(f"in sorted({spans})", f"in {spans}"),
        step(
            f"            {out}[-1][1] = max({out}[-1][1], end)\n",
            f"            {out}[-1] = [start, max({out}[-1][1], end)]\n",
        ),
    )
    return Draft(function=function, source=source, intent=intent, draw=lambda r: (_intervals(r),), mistakes=wrong)


def free_gaps(rng: Random) -> Draft:
    busy, out, cursor = names(rng, "busy bookings taken", "free gaps slots", "cursor position now")
    function = rng.choice(["free_slots", "gaps_between", "open_times"])
    least = rng.choice([1, 1, 2, 3])
    sentinel = f"""\
def {function}({busy}, opening, closing):
    inside = [span for span in sorted({busy}) if span[1] > opening and span[0] < closing]
    inside.append([closing, closing])
    {out} = []
    {cursor} = opening
    for start, end in inside:
        if start - {cursor} >= {least}:
            {out}.append([{cursor}, start])
        {cursor} = max({cursor}, end)
    return {out}
"""
    direct = f"""\
def {function}({busy}, opening, closing):
    {out} = []
    {cursor} = opening
    for start, end in sorted({busy}):
        if end <= opening or start >= closing:
            continue
        if start - {cursor} >= {least}:
            {out}.append([{cursor}, start])
        if end > {cursor}:
            {cursor} = end
    if closing - {cursor} >= {least}:
        {out}.append([{cursor}, closing])
    return {out}
"""
    source = sentinel if coin(rng) else direct
    intent = (
        f"`{function}({busy}, opening, closing)` returns, ascending, the free intervals `[from, to]` of at least {least} between "
        "`opening` and `closing` that none of the given intervals `[start, end]` (in any order, overlapping, possibly outside) covers."
    )
    wrong = (
        step(f"        if end > {cursor}:\n            {cursor} = end\n", f"        {cursor} = end\n"),
        step(f"    if closing - {cursor} >= {least}:\n        {out}.append([{cursor}, closing])\n", ""),
        step("        if end <= opening or start >= closing:\n            continue\n", ""),
        step("    inside.append([closing, closing])\n", ""),
        step(f"        {cursor} = max({cursor}, end)\n", f"        {cursor} = end\n"),
    )

    def draw(r: Random) -> Args:
        opening = r.randint(0, 6)
        return _intervals(r, most=5), opening, opening + r.randint(0, 12)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def group_totals(rng: Random) -> Draft:
    rows, totals, key = names(rng, "rows entries sales", "totals sums groups", "key name who")
    function = rng.choice(["totals_by_name", "group_sums", "summary"])
    mode = rng.choice(["sum", "max", "mean", "count"])
    threshold = rng.choice([None, 3, 5])
    skip = f"        if amount < {threshold}:\n            continue\n" if threshold is not None else ""
    update = {
        "sum": f"        {totals}[{key}] = {totals}.get({key}, 0) + amount\n",
        "count": f"        {totals}[{key}] = {totals}.get({key}, 0) + 1\n",
        "max": f"        if {key} not in {totals} or amount > {totals}[{key}]:\n            {totals}[{key}] = amount\n",
        "mean": f"        {totals}.setdefault({key}, []).append(amount)\n",
    }[mode]
    value = f"sum({totals}[{key}]) // len({totals}[{key}])" if mode == "mean" else f"{totals}[{key}]"
    top = coin(rng)
    if top:
        final = f"""\
    ranked = sorted({totals}, key=lambda {key}: (-({value}), {key}))
    return ranked[:limit]
"""
    else:
        final = f"    return {{{key}: {value} for {key} in sorted({totals}) if {value} > limit}}\n"
    source = f"""\
def {function}({rows}, limit):
    {totals} = {{}}
    for {key}, amount in {rows}:
{skip}{update}{final}"""
    what = {
        "sum": "the sum of its amounts",
        "count": "the number of its rows",
        "max": "its largest amount",
        "mean": "the mean of its amounts, rounded down",
    }[mode]
    low = f" Rows with an amount below {threshold} do not count at all." if threshold is not None else ""
    returned = (
        "the names with the `limit` largest values, largest first, equal ones in alphabetical order" if top
        else "a dictionary of names and values, with those greater than `limit` only"
    )  # fmt: skip
    intent = f"`{function}({rows}, limit)` gets rows `[name, amount]`. The value of a name is {what}.{low} It returns {returned}."
    wrong = (
        step(f"(-({value}), {key})", f"({key}, -({value}))"),
        step(f"{totals}.get({key}, 0) + amount", "amount"),
        step(update, f"        {totals}[{key}] = amount\n")
        if mode in ("max", "count")
        else step("ranked[:limit]", "ranked[limit:]"),
        structure(f"{totals}.setdefault({key}, []).append(amount)", f"{totals}[{key}] = [amount]"),
    )

    def draw(r: Random) -> Args:
        table = [[r.choice(["ann", "bob", "cleo", "dan"]), r.randint(0, 9)] for _ in range(r.randint(0, 7))]
        return table, r.randint(0, 3) if top else r.randint(0, 8)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def ranking(rng: Random) -> Draft:
    rows, out, place = names(rng, "players results teams", "table places board", "place rank position")
    function = rng.choice(["standings", "rank_players", "leaderboard"])
    up, dense, by_name = coin(rng), coin(rng), coin(rng)
    sign = "" if up else "-"
    tie = "row[0]" if by_name else "row[2]"
    rise = f"{place} + 1" if dense else "index + 1"
    source = f"""\
def {function}({rows}):
    ordered = sorted({rows}, key=lambda row: ({sign}row[1], {tie}))
    {out} = []
    {place} = 0
    previous = None
    for index, row in enumerate(ordered):
        if row[1] != previous:
            {place} = {rise}
            previous = row[1]
        {out}.append([{place}, row[0]])
    return {out}
"""
    ties = "Equal points share a place and the next place follows without a gap" if dense else (
        "Equal points share a place and as many following places stay empty"
    )  # fmt: skip
    intent = (
        f"`{function}({rows})` gets rows `[name, points, age]` and returns `[place, name]` for all of them, {'fewest' if up else 'most'} "
        f"points first, equal points ordered by {'name' if by_name else 'age'}, ascending. Places begin at 1. {ties}."
    )
    wrong = (
        step(f"            {place} = {rise}\n            previous = row[1]\n", f"            {place} = {rise}\n"),
        step(f"({sign}row[1], {tie})", f"({tie}, {sign}row[1])"),
        step(f"{place} = {rise}", f"{place} = {'index + 1' if dense else f'{place} + 1'}"),
        structure(f"{out}.append([{place}, row[0]])", f"{out}.append((row[0], {place}))"),
    )

    def draw(r: Random) -> Args:
        people = r.sample(["ann", "bob", "cleo", "dan", "eve", "fay"], r.randint(0, 6))
        ages = r.sample(range(20, 40), 6)
        return ([[person, r.randint(0, 4), ages[number]] for number, person in enumerate(people)],)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def stock(rng: Random) -> Draft:
    orders, shelf, refused = names(rng, "orders operations events", "shelf store stock", "refused failures problems")
    function = rng.choice(["run_orders", "apply_orders", "keep_stock"])
    capacity = rng.choice([None, 8, 10])
    partial = coin(rng)
    limit = f"""\
            if {shelf}.get(item, 0) + amount > {capacity}:
                {refused} += 1
                continue
"""
    if partial:
        take = f"""\
            taken = min(amount, {shelf}.get(item, 0))
            {shelf}[item] = {shelf}.get(item, 0) - taken
            if taken < amount:
                {refused} += 1
"""
        rule = "`take` takes what is there; one that gets less than it asked for is a failure."
    else:
        take = f"""\
            if {shelf}.get(item, 0) < amount:
                {refused} += 1
                continue
            {shelf}[item] -= amount
"""
        rule = "`take` of more than is there fails and changes nothing."
    source = f"""\
def {function}({orders}):
    {shelf} = {{}}
    {refused} = 0
    for action, item, amount in {orders}:
        if amount <= 0:
            {refused} += 1
            continue
        if action == "put":
{limit if capacity else ""}\
            {shelf}[item] = {shelf}.get(item, 0) + amount
        elif action == "take":
{take}\
        elif action == "clear":
            {shelf}.pop(item, None)
        else:
            {refused} += 1
    left = sorted(item for item in {shelf} if {shelf}[item] > 0)
    return [[item, {shelf}[item]] for item in left] + [{refused}]
"""
    full = f" A `put` that would bring an item to more than {capacity} fails and changes nothing." if capacity else ""
    intent = (
        f"`{function}({orders})` keeps a stock, empty at first, through orders `[action, item, amount]`. `put` adds.{full} {rule} "
        "`clear` removes the item whatever the amount. Unknown actions and amounts that are not positive fail. It returns "
        "`[item, amount]` for every item of which something is left, by name, and as last element the number of failures."
    )
    wrong = (
        step(f'        elif action == "clear":\n            {shelf}.pop(item, None)\n', ""),
        step(f"    left = sorted(item for item in {shelf} if {shelf}[item] > 0)\n", f"    left = sorted({shelf})\n"),
        structure(
            f"            {shelf}[item] = {shelf}.get(item, 0) + amount\n",
            f"            {shelf}.setdefault(item, amount)\n",
        ),
        step(f"        if amount <= 0:\n            {refused} += 1\n            continue\n", ""),
    )

    def draw(r: Random) -> Args:
        kinds = ["put", "put", "put", "take", "take", "clear", "sell"]
        return (
            [
                [r.choice(kinds), r.choice("ab"), r.randint(-1 if r.random() < 0.2 else 1, 6)]
                for _ in range(r.randint(0, 7))
            ],
        )

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def histogram(rng: Random) -> Draft:
    xs, bins, width = names(rng, "values numbers measures", "bins buckets cells", "width size step")
    function = rng.choice(["histogram", "bucket_counts", "distribution"])
    w = rng.choice([2, 3, 5])
    low = rng.choice([0, 0, 1, -5])
    outside = coin(rng)
    handling = (
        """\
        if index < 0:
            index = 0
        if index >= count:
            index = count - 1
"""
        if outside
        else """\
        if index < 0 or index >= count:
            continue
"""
    )
    fraction = rng.random() < 0.3
    final = (
        f"    largest = max({bins}, default=0)\n    return [index for index in range(count) if {bins}[index] == largest]\n"
        if fraction
        else f"    return {bins}\n"
    )
    source = f"""\
def {function}({xs}, count):
    {bins} = [0] * count
    {width} = {w}
    for value in {xs}:
        index = (value - {low}) // {width}
{handling}\
        {bins}[index] += 1
{final}"""
    stray = "are counted in the nearest bin" if outside else "are left out"
    returned = "the numbers, from 0, of all bins that hold the most" if fraction else "how many are in each bin"
    intent = (
        f"`{function}({xs}, count)` sorts integers into `count` bins of width {w}, the first one beginning at {low} (included). "
        f"Values outside {stray}. It returns a list of {returned}."
    )
    wrong = (
        step(f"(value - {low}) // {width}", f"value // {width}")
        if low
        else step(f"        {bins}[index] += 1\n", f"        {bins}[index] = 1\n"),
        step(handling, "        if index >= count:\n            continue\n"),
        structure(f"{bins} = [0] * count", f"{bins} = {{}}"),
    )
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: (ints(r, -8, 16, most=9), r.randint(1, 5)),
    )  # fmt: skip


def dedupe(rng: Random) -> Draft:
    rows, out, seen = names(rng, "items rows values", "kept result unique", "seen known taken")
    function = rng.choice(["unique", "dedupe", "drop_repeats"])
    last, limit = coin(rng), rng.choice([1, 1, 2])
    key = rng.choice(["item", "item.lower()", "item[:2]", "len(item)"])
    words = {
        "item": "equal", "item.lower()": "equal apart from upper and lower case", "item[:2]": "equal in their first two letters",
        "len(item)": "of the same length",
    }[key]  # fmt: skip
    order = f"reversed({rows})" if last else rows
    final = f"{out}[::-1]" if last else out
    if limit == 1 and coin(rng):
        body = f"""\
    {seen} = set()
    for item in {order}:
        key = {key}
        if key not in {seen}:
            {seen}.add(key)
            {out}.append(item)
"""
    else:
        body = f"""\
    {seen} = {{}}
    for item in {order}:
        key = {key}
        {seen}[key] = {seen}.get(key, 0) + 1
        if {seen}[key] <= {limit}:
            {out}.append(item)
"""
    source = f"""\
def {function}({rows}):
    {out} = []
{body}\
    return {final}
"""
    intent = (
        f"`{function}({rows})` keeps, of all strings that are {words}, the {'last' if last else 'first'} "
        f"{'one' if limit == 1 else str(limit)}, in the order in which they stand in the list."
    )
    wrong = (
        step(f"    return {final}\n", f"    return sorted({out})\n"),
        step(
            f"            {seen}.add(key)\n            {out}.append(item)\n",
            f"            {seen}.add(item)\n            {out}.append(key)\n",
        ),
        structure(f"    {seen} = set()\n", f"    {seen} = set({rows})\n"),
        step(f"        {seen}[key] = {seen}.get(key, 0) + 1\n", f"        {seen}[key] = len({out})\n"),
    )

    def draw(r: Random) -> Args:
        pool: list[Any] = ["ab", "Ab", "abc", "aBd", "b", "B", "bc", "", "xyz"]
        return ([r.choice(pool) for _ in range(r.randint(0, 8))],)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


FAMILIES = (merge_intervals, free_gaps, group_totals, ranking, stock, histogram, dedupe)
