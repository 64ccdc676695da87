"""Walks over graphs given as dictionaries: distances, orders, reachability, cheapest ways, trees."""

from random import Random
from typing import Any

from evaluators.families.draft import Args, Draft, Mistake, coin, names, step, structure

_NODES = "abcdef"


def _links(r: Random, *, acyclic: bool = False) -> dict[str, list[str]]:
    nodes = _NODES[: r.randint(1, 6)]
    links: dict[str, list[str]] = {}
    for place, node in enumerate(nodes):
        others = nodes[place + 1 :] if acyclic else nodes.replace(node, "")
        links[node] = r.sample(others, min(len(others), r.choice([0, 1, 1, 2, 3])))
    return dict(r.sample(sorted(links.items()), len(links)))


def distances(rng: Random) -> Draft:
    graph, queue, far = names(rng, "graph links network", "queue waiting todo", "far distance hops")
    function = rng.choice(["distances", "hops_from", "steps_away"])
    limit = rng.choice([None, None, 2, 3])
    wants = rng.choice(["all", "one", "farthest"])
    stop = f"        if {far}[node] == {limit}:\n            continue\n" if limit else ""
    parameter = ", goal" if wants == "one" else ""
    final = {
        "all": f"    return {far}\n",
        "one": f"    return {far}.get(goal, -1)\n",
        "farthest": f"    most = max({far}.values())\n    return sorted(node for node in {far} if {far}[node] == most)\n",
    }[wants]
    source = f"""\
def {function}({graph}, start{parameter}):
    {far} = {{start: 0}}
    {queue} = [start]
    while {queue}:
        node = {queue}.pop(0)
{stop}\
        for other in {graph}.get(node, []):
            if other not in {far}:
                {far}[other] = {far}[node] + 1
                {queue}.append(other)
{final}"""
    returned = {
        "all": "a dictionary from every node that can be reached to the number of steps it takes",
        "one": "the number of steps from `start` to `goal`, -1 if it cannot be reached",
        "farthest": "in alphabetical order, the nodes that are farthest away of those that can be reached",
    }[wants]
    bound = f" Nodes more than {limit} steps away count as not reachable." if limit else ""
    intent = (
        f"`{function}({graph}, start{parameter})` gets a dictionary from each node to the nodes it leads to and counts the fewest steps from `start` "
        f"(itself 0 steps away).{bound} It returns {returned}."
    )
    wrong = (
        structure(f"{queue}.pop(0)", f"{queue}.pop()"),
        step(
            f"            if other not in {far}:\n                {far}[other]",
            f"            if other != start:\n                {far}[other]",
        )
        if limit
        else step(f"                {far}[other] = {far}[node] + 1\n", f"                {far}[other] = len({far})\n"),
        step(
            f"                {far}[other] = {far}[node] + 1\n                {queue}.append(other)\n",
            f"                {far}[other] = {far}[node] + 1\n        {queue}.extend({graph}.get(start, [])[1:])\n",
        )
        if limit
        else step(f"                {queue}.append(other)\n", f"                {queue}.insert(0, other)\n"),
        step(stop, "") if stop else step(f"{graph}.get(node, [])", f"{graph}.get(start, [])"),
    )

    def draw(r: Random) -> Args:
        links = _links(r)
        start = r.choice(sorted(links))
        return (links, start, r.choice(_NODES)) if parameter else (links, start)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def build_order(rng: Random) -> Draft:
    needs, out, ready = names(rng, "needs requires depends", "order plan result", "ready free startable")
    function = rng.choice(["build_order", "schedule", "plan_steps"])
    helper = rng.choice(["find_startable", "next_possible"])
    rounds = coin(rng)
    last_first = not rounds and coin(rng)
    if rounds:
        body = f"""\
    while len(done) < len({needs}):
        {ready} = sorted(job for job in {needs} if job not in done and all(n in done for n in {needs}[job]))
        if not {ready}:
            return None
        {out}.append({ready})
        done.update({ready})
"""
        returned = "a list of rounds: each round lists, in alphabetical order, every job that was not done before and whose needs were all done in earlier rounds"
    else:
        body = f"""\
    while len(done) < len({needs}):
        {ready} = [job for job in {needs} if job not in done and all(n in done for n in {needs}[job])]
        if not {ready}:
            return None
        job = {"max" if last_first else "min"}({ready})
        {out}.append(job)
        done.add(job)
"""
        returned = f"the jobs in an order in which every job stands after all that it needs; whenever several could come next, the alphabetically {'last' if last_first else 'first'} one does"
    before = ""
    if coin(rng):
        before = f"""\
def {helper}({needs}, done):
    found = []
    for job in sorted({needs}):
        if job not in done and all(n in done for n in {needs}[job]):
            found.append(job)
    return found


"""
        listed = f"job for job in {needs} if job not in done and all(n in done for n in {needs}[job])"
        body = body.replace(f"sorted({listed})", f"{helper}({needs}, done)")
        body = body.replace(f"[{listed}]", f"{helper}({needs}, done)")
    source = f"""\
{before}def {function}({needs}):
    done = set()
    {out} = []
{body}\
    return {out}
"""
    intent = f"`{function}({needs})` gets a dictionary from each job to the jobs that it needs first and returns {returned}. If jobs need each other in a circle it returns None."
    wrong = (
        step(f"        if not {ready}:\n            return None\n", f"        if not {ready}:\n            break\n"),
        step(f"all(n in done for n in {needs}[job])", f"any(n in done for n in {needs}[job] or [job])"),
        step("job not in done and all", "job not in done or all"),
        structure(
            f"        {out}.append({ready})\n        done.update({ready})\n",
            f"        {out}.extend({ready})\n        done.update({ready})\n",
        ),
    )

    def draw(r: Random) -> Args:
        links = _links(r, acyclic=r.random() < 0.8)
        return ({job: sorted(need) for job, need in links.items()},)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def groups(rng: Random) -> Draft:
    pairs, parent, out = names(rng, "pairs friendships links", "parent leader chief", "clubs groups teams")
    function = rng.choice(["groups", "circles", "connected"])
    wants = rng.choice(["count", "members", "joined"])
    final = {
        "count": f"    return len({{find({parent}, person) for person in {parent}}})\n",
        "members": f"""\
    {out} = {{}}
    for person in sorted({parent}):
        {out}.setdefault(find({parent}, person), []).append(person)
    return sorted({out}.values())
""",
        "joined": "    return useful\n",
    }[wants]
    count = "        useful += 1\n" if wants == "joined" else ""
    loop = f"""\
    while {parent}[person] != person:
        person = {parent}[person]
    return person
"""
    recursion = f"""\
    if {parent}[person] == person:
        return person
    return find({parent}, {parent}[person])
"""
    climb = loop if coin(rng) else recursion
    source = f"""\
def find({parent}, person):
{climb}

def {function}({pairs}):
    {parent} = {{}}
{"    useful = 0" + chr(10) if wants == "joined" else ""}\
    for one, two in {pairs}:
        {parent}.setdefault(one, one)
        {parent}.setdefault(two, two)
        first = find({parent}, one)
        second = find({parent}, two)
        if first == second:
            continue
        {parent}[first] = second
{count}\
{final}"""
    returned = {
        "count": "the number of groups",
        "members": "a sorted list of the groups, each a sorted list of people",
        "joined": "how many pairs, taken in order, joined two groups that were separate until then",
    }[wants]
    intent = f"`{function}({pairs})` gets pairs of people who know each other. People belong to one group if a chain of such pairs connects them. It returns {returned}."
    wrong = (
        step(f"        {parent}[first] = second\n", f"        {parent}[one] = two\n"),
        step(climb, f"    return {parent}[person]\n"),
        structure(
            f"{out}.setdefault(find({parent}, person), []).append(person)", f"{out}[find({parent}, person)] = [person]"
        ),
        step("        if first == second:\n            continue\n", "        if one == two:\n            continue\n"),
    )

    def draw(r: Random) -> Args:
        return ([[r.choice(_NODES), r.choice(_NODES)] for _ in range(r.randint(0, 7))],)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def cheapest(rng: Random) -> Draft:
    roads, cost, settled = names(rng, "roads costs edges", "cost total_cost best", "settled done final")
    function = rng.choice(["cheapest", "lowest_cost", "travel_cost"])
    toll = rng.choice([0, 0, 1, 2])
    both = coin(rng)
    path = coin(rng)
    extra = f" + {toll}" if toll else ""
    reverse = "        neighbours.setdefault(two, []).append((one, price))\n" if both else ""
    final = (
        f"""\
    if goal not in {cost}:
        return []
    route = [goal]
    while route[-1] != start:
        route.append(came[route[-1]])
    return route[::-1]
"""
        if path
        else f"    return {cost}.get(goal, -1)\n"
    )
    source = f"""\
def {function}({roads}, start, goal):
    neighbours = {{}}
    for one, two, price in {roads}:
        neighbours.setdefault(one, []).append((two, price))
{reverse}\
    {cost} = {{start: 0}}
{"    came = {}" + chr(10) if path else ""}\
    {settled} = set()
    while len({settled}) < len({cost}):
        place = min((town for town in {cost} if town not in {settled}), key=lambda town: ({cost}[town], town))
        {settled}.add(place)
        for other, price in sorted(neighbours.get(place, [])):
            total = {cost}[place] + price{extra}
            if other not in {cost} or total < {cost}[other]:
                {cost}[other] = total
{"                came[other] = place" + chr(10) if path else ""}\
{final}"""
    ways = "in both directions" if both else "from `one` to `two` only"
    fee = f" and every road used costs a toll of {toll} more" if toll else ""
    returned = (
        "the places on the cheapest way, `start` and `goal` included; among equally cheap ways a place is reached from the predecessor that is itself cheaper to reach, among equal "
        "ones the alphabetically first; an empty list if there is no way" if path else "what the cheapest way from `start` to `goal` costs, -1 if there is none"
    )  # fmt: skip
    intent = f"`{function}({roads}, start, goal)` gets roads `[one, two, price]`, which can be used {ways}{fee}. It returns {returned}."
    wrong = (
        step(
            f"            if other not in {cost} or total < {cost}[other]:\n", f"            if other not in {cost}:\n"
        ),
        step(f"key=lambda town: ({cost}[town], town)", "key=lambda town: town"),
        step(
            f"            total = {cost}[place] + price{extra}\n", f"            total = {cost}[start] + price{extra}\n"
        ),
        structure("neighbours.setdefault(one, []).append((two, price))", "neighbours[one] = [(two, price)]"),
    )

    def draw(r: Random) -> Args:
        table: list[Any] = [[r.choice("abcde"), r.choice("abcde"), r.randint(1, 9)] for _ in range(r.randint(0, 9))]
        return [road for road in table if road[0] != road[1]], r.choice("abc"), r.choice("abcde")

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def tree_walk(rng: Random) -> Draft:
    tree, out = names(rng, "tree node branch", "found values result")
    function = rng.choice(["walk_tree", "tree_values", "visit"])
    kind = rng.choice(["depth", "paths", "insert", "prune"])
    wrong: tuple[Mistake, ...]
    if kind == "depth":
        leaf = coin(rng)
        source = f"""\
def {function}({tree}, level):
    if {tree} is None:
        return []
    value, left, right = {tree}
    {out} = {function}(left, level - 1) + {function}(right, level - 1)
    if level == 0{" and left is None and right is None" if leaf else ""}:
        {out} = [value] + {out}
    return {out}
"""
        intent = f"`{function}({tree}, level)` gets a tree `[value, left, right]` (None for no tree) and returns, from left to right, the values {'of all leaves' if leaf else ''} at depth `level`, the root being at depth 0."
        wrong = (
            step(f"        {out} = [value] + {out}\n    return {out}\n", "        return [value]\n    return left\n"),
            step(
                f"{function}(left, level - 1) + {function}(right, level - 1)",
                f"{function}(right, level - 1) + {function}(left, level - 1)",
            ),
        )
    elif kind == "paths":
        source = f"""\
def {function}({tree}, total):
    if {tree} is None:
        return []
    value, left, right = {tree}
    rest = total - value
    if left is None and right is None:
        return [[value]] if rest == 0 else []
    {out} = []
    for child in (left, right):
        for path in {function}(child, rest):
            {out}.append([value] + path)
    return {out}
"""
        intent = f"`{function}({tree}, total)` gets a tree `[value, left, right]` (None for no tree) and returns all ways from the root down to a leaf, leftmost first, whose values add up to `total`, each as a list of values."
        wrong = (
            step(
                "    if left is None and right is None:\n        return [[value]] if rest == 0 else []\n",
                "    if rest == 0:\n        return [[value]]\n",
            ),
            step(f"            {out}.append([value] + path)\n", f"            {out}.append(path)\n"),
            step("    rest = total - value\n", "    rest = total\n"),
        )
    elif kind == "insert":
        equal = coin(rng)
        same = "" if equal else "    if number == value:\n        return [value, left, right]\n"
        source = f"""\
def {function}({tree}, number):
    if {tree} is None:
        return [number, None, None]
    value, left, right = {tree}
{same}\
    if number < value:
        return [value, {function}(left, number), right]
    return [value, left, {function}(right, number)]
"""
        intent = f"`{function}({tree}, number)` puts a number into a search tree `[value, left, right]` (None for no tree): smaller numbers are on the left, greater {'and equal ' if equal else ''}ones on the right. It goes where the way ends{'' if equal else '; a number that is there already changes nothing'}. The new tree is returned."
        wrong = (
            step(
                f"    if number < value:\n        return [value, {function}(left, number), right]\n    return [value, left, {function}(right, number)]\n",
                f"    if left is None:\n        return [value, {function}(left, number), right]\n    return [value, left, {function}(right, number)]\n",
            ),
            step(
                f"        return [value, {function}(left, number), right]\n",
                f"        return [value, {function}(left, number), None]\n",
            ),
        )
    else:
        source = f"""\
def {function}({tree}, least):
    if {tree} is None:
        return None
    value, left, right = {tree}
    left = {function}(left, least)
    right = {function}(right, least)
    if left is None and right is None and value < least:
        return None
    return [value, left, right]
"""
        intent = f"`{function}({tree}, least)` gets a tree `[value, left, right]` (None for no tree) and cuts off leaves smaller than `least`, again and again until there is none; the tree that is left is returned."
        wrong = (
            step(f"    left = {function}(left, least)\n    right = {function}(right, least)\n", ""),
            step("    if left is None and right is None and value < least:\n", "    if value < least:\n"),
        )

    def grow(r: Random, depth: int) -> Any:
        if depth == 0 or r.random() < 0.25:
            return None
        return [r.randint(0, 6), grow(r, depth - 1), grow(r, depth - 1)]

    def search_tree(numbers: list[int]) -> Any:
        if not numbers:
            return None
        first, rest = numbers[0], numbers[1:]
        return [first, search_tree([n for n in rest if n < first]), search_tree([n for n in rest if n > first])]

    def draw(r: Random) -> Args:
        if kind == "insert":
            return search_tree(r.sample(range(10), r.randint(0, 6))), r.randint(0, 9)
        return grow(r, 4), r.randint(0, 3) if kind == "depth" else r.randint(0, 12)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


FAMILIES = (distances, build_order, groups, cheapest, tree_walk)
