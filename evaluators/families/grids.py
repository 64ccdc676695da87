"""Walks over rectangles: spirals, diagonals, islands, neighbours, robots, turning."""

from random import Random

from evaluators.families.draft import Args, Draft, Mistake, coin, names, step, structure


def _grid(r: Random, values: list[int], *, least: int = 0, most: int = 4) -> list[list[int]]:
    width = r.randint(1, most)
    return [[r.choice(values) for _ in range(width)] for _ in range(r.randint(least, most))]


def spiral(rng: Random) -> Draft:
    grid, out, top, left = names(rng, "grid matrix board", "out path walk", "top upper", "left west")
    function = rng.choice(["spiral", "walk_around", "unroll"])
    counter = coin(rng)
    ring = rng.random() < 0.3
    across = f"""\
        for column in range({left}, right + 1):
            {out}.append({grid}[{top}][column])
"""
    down = f"""\
        for row in range({top} + 1, bottom + 1):
            {out}.append({grid}[row][right])
"""
    back = f"""\
        if {top} < bottom:
            for column in range(right - 1, {left} - 1, -1):
                {out}.append({grid}[bottom][column])
"""
    up = f"""\
        if {left} < right:
            for row in range(bottom - 1, {top}, -1):
                {out}.append({grid}[row][{left}])
"""
    if counter:
        across = f"""\
        for row in range({top}, bottom + 1):
            {out}.append({grid}[row][{left}])
"""
        down = f"""\
        for column in range({left} + 1, right + 1):
            {out}.append({grid}[bottom][column])
"""
        back = f"""\
        if {left} < right:
            for row in range(bottom - 1, {top} - 1, -1):
                {out}.append({grid}[row][right])
"""
        up = f"""\
        if {top} < bottom:
            for column in range(right - 1, {left}, -1):
                {out}.append({grid}[{top}][column])
"""
    stop = "        break\n" if ring else ""
    source = f"""\
def {function}({grid}):
    {out} = []
    {top}, {left} = 0, 0
    bottom = len({grid}) - 1
    right = len({grid}[0]) - 1 if {grid} else -1
    while {top} <= bottom and {left} <= right:
{across}{down}{back}{up}{stop}\
        {top} += 1
        {left} += 1
        bottom -= 1
        right -= 1
    return {out}
"""
    if ring:
        source = source.replace(
            f"        {top} += 1\n        {left} += 1\n        bottom -= 1\n        right -= 1\n", ""
        )
    if not ring and coin(rng):
        first = f"[list(column) for column in zip(*{grid})]" if counter else f"[list(line) for line in {grid}]"
        source = f"""\
def {function}({grid}):
    rows = {first}
    {out} = []
    while rows:
        {out}.extend(rows.pop(0))
        rows = [list(column) for column in zip(*rows)][::-1]
    return {out}
"""
    intent = (
        f"`{function}({grid})` lists the values of a rectangle of numbers in the order of a {'counter-clockwise' if counter else 'clockwise'} walk along "
        f"its border that starts in the upper left corner, going {'down' if counter else 'right'}"
        + (", once around, every cell once." if ring else ", and goes on inwards until every cell was visited once.")
    )
    wrong = (
        step(f"        {left} += 1\n        bottom -= 1\n", "        bottom -= 1\n"),
        step(back, back.replace("        if", "        if True or", 1)),
        step(up, ""),
        step(
            "        rows = [list(column) for column in zip(*rows)][::-1]\n",
            "        rows = [line[::-1] for line in rows][::-1]\n",
        ),
    )
    return Draft(
        function=function,
        source=source,
        intent=intent,
        mistakes=wrong,
        draw=lambda r: (_grid(r, [*range(10)], most=4),),
    )


def diagonals(rng: Random) -> Draft:
    grid, out = names(rng, "grid matrix square", "sums totals result")
    function = rng.choice(["diagonal_sums", "diagonals", "slanted"])
    anti, products = coin(rng), rng.choice(["sum", "max"])
    key = "row + column" if anti else f"column - row + len({grid}) - 1"
    update = (
        f"{out}[place] += {grid}[row][column]"
        if products == "sum"
        else f"{out}[place] = max({out}[place], {grid}[row][column])"
    )
    source = f"""\
def {function}({grid}):
    if not {grid}:
        return []
    width = len({grid}[0])
    {out} = [0] * (len({grid}) + width - 1)
    for row in range(len({grid})):
        for column in range(width):
            place = {key}
            {update}
    return {out}
"""
    direction = (
        "from lower left to upper right, beginning with the one in the upper left corner"
        if anti
        else "from upper left to lower right, beginning with the one in the lower left corner"
    )
    intent = f"`{function}({grid})` returns the {'sum' if products == 'sum' else 'largest value, at least 0,'} of every diagonal {direction}, for a rectangle of numbers."
    wrong = (
        step(f"    {out} = [0] * (len({grid}) + width - 1)\n", f"    {out} = [0] * (2 * len({grid}) - 1)\n"),
        step(
            f"            place = {key}\n            {update}\n",
            f"            place = abs(row - column)\n            {update}\n",
        ),
        structure(f"    {out} = [0] * (len({grid}) + width - 1)\n", f"    {out} = [0] * (len({grid}) * width)\n"),
    )
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong, draw=lambda r: (_grid(r, [*range(10)]),)
    )


def islands(rng: Random) -> Draft:
    grid, seen, stack = names(rng, "grid sea board", "seen visited known", "stack todo open_cells")
    function = rng.choice(["islands", "regions", "land_areas"])
    eight, wants = coin(rng), rng.choice(["count", "largest", "sizes"])
    steps = "[(1, 0), (-1, 0), (0, 1), (0, -1)" + (", (1, 1), (1, -1), (-1, 1), (-1, -1)]" if eight else "]")
    final = {"count": "len(sizes)", "largest": "max(sizes, default=0)", "sizes": "sorted(sizes)"}[wants]
    recursive = coin(rng)
    if recursive:
        source = f"""\
STEPS = {steps}


def spread({grid}, row, column, {seen}):
    if row < 0 or row >= len({grid}) or column < 0 or column >= len({grid}[0]):
        return 0
    if {grid}[row][column] == 0 or (row, column) in {seen}:
        return 0
    {seen}.add((row, column))
    size = 1
    for down, right in STEPS:
        size += spread({grid}, row + down, column + right, {seen})
    return size


def {function}({grid}):
    {seen} = set()
    sizes = []
    for row in range(len({grid})):
        for column in range(len({grid}[row])):
            size = spread({grid}, row, column, {seen})
            if size > 0:
                sizes.append(size)
    return {final}
"""
        wrong = (
            step(
                f"        size += spread({grid}, row + down, column + right, {seen})\n",
                f"        spread({grid}, row + down, column + right, {seen})\n        size += 1\n",
            ),
            step(
                "    if row < 0 or row >= len("
                + grid
                + ") or column < 0 or column >= len("
                + grid
                + "[0]):\n        return 0\n",
                f"    if row >= len({grid}) or column >= len({grid}[0]):\n        return 0\n",
            ),
            structure(
                f"    {seen} = set()\n    sizes = []\n    for row in range(len({grid})):\n",
                f"    sizes = []\n    for row in range(len({grid})):\n        {seen} = set()\n",
            ),
        )
    else:
        source = f"""\
def {function}({grid}):
    {seen} = set()
    sizes = []
    for row in range(len({grid})):
        for column in range(len({grid}[row])):
            if {grid}[row][column] == 0 or (row, column) in {seen}:
                continue
            {stack} = [(row, column)]
            {seen}.add((row, column))
            size = 0
            while {stack}:
                y, x = {stack}.pop()
                size += 1
                for down, right in {steps}:
                    cell = (y + down, x + right)
                    if not (0 <= cell[0] < len({grid}) and 0 <= cell[1] < len({grid}[0])):
                        continue
                    if {grid}[cell[0]][cell[1]] == 1 and cell not in {seen}:
                        {seen}.add(cell)
                        {stack}.append(cell)
            sizes.append(size)
    return {final}
"""
        wrong = (
            step(
                f"                        {seen}.add(cell)\n                        {stack}.append(cell)\n",
                f"                        {seen}.add(cell)\n                        size += 1\n",
            ),
            step(f"            {seen}.add((row, column))\n            size = 0\n", "            size = 0\n"),
            structure(
                f"            {stack} = [(row, column)]\n            {seen}.add((row, column))\n",
                f"            {stack} = [(row, column)]\n            {seen} = {{(row, column)}}\n",
            ),
        )
    near = "side by side, one above the other or diagonally" if eight else "side by side or one above the other"
    returned = {
        "count": "the number of islands",
        "largest": "the number of cells of the largest island, 0 for none",
        "sizes": "the sizes of all islands in ascending order",
    }[wants]
    intent = f"`{function}({grid})` gets a rectangle of 0 (water) and 1 (land). Land cells that touch {near} belong to one island. It returns {returned}."
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong, draw=lambda r: (_grid(r, [0, 1], most=5),)
    )


def generation(rng: Random) -> Draft:
    grid, out = names(rng, "grid cells world", "following result fresh")
    function = rng.choice(["next_generation", "evolve", "tick"])
    helper = rng.choice(["alive_around", "neighbours", "count_near"])
    survive, born = rng.choice([((2, 3), 3), ((1, 2), 2), ((2, 4), 3), ((1, 3), 1)])
    wrap = coin(rng)
    look = (
        f"            total += {grid}[y % len({grid})][x % len({grid}[0])]\n"
        if wrap
        else f"            if 0 <= y < len({grid}) and 0 <= x < len({grid}[0]):\n                total += {grid}[y][x]\n"
    )
    source = f"""\
def {helper}({grid}, row, column):
    total = 0
    for y in range(row - 1, row + 2):
        for x in range(column - 1, column + 2):
            if y == row and x == column:
                continue
{look}\
    return total


def {function}({grid}):
    {out} = [row[:] for row in {grid}]
    for row in range(len({grid})):
        for column in range(len({grid}[0])):
            near = {helper}({grid}, row, column)
            if {grid}[row][column] == 1:
                if near < {survive[0]} or near > {survive[1]}:
                    {out}[row][column] = 0
            elif near == {born}:
                {out}[row][column] = 1
    return {out}
"""
    edge = "the rectangle continues on the opposite side" if wrap else "outside of the rectangle all is dead"
    intent = (
        f"`{function}({grid})` makes the next generation of a rectangle of cells, 1 alive and 0 dead. Of the eight neighbours of a "
        f"cell, {edge}. A living cell stays alive with {survive[0]} to {survive[1]} living neighbours; a dead one becomes alive with exactly {born}. All cells change at the same time."
    )
    wrong = (
        structure(f"    {out} = [row[:] for row in {grid}]\n", f"    {out} = {grid}\n"),
        step("            if y == row and x == column:\n                continue\n", ""),
        step(f"            elif near == {born}:\n                {out}[row][column] = 1\n", ""),
    )

    def draw(r: Random) -> Args:
        return (_grid(r, [0, 0, 1], least=3, most=4),) if wrap else (_grid(r, [0, 0, 1], least=1, most=4),)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def robot(rng: Random) -> Draft:
    program, x, y = names(rng, "program commands orders", "x column east", "y row north")
    function = rng.choice(["drive", "run_robot", "follow"])
    size = rng.choice([None, 4, 5])
    wall = rng.choice(["stop", "wrap"])
    places = coin(rng)
    if size is None:
        move = f"            {x} += dx\n            {y} += dy\n"
        rule = ""
    elif wall == "wrap":
        move = f"            {x} = ({x} + dx) % {size}\n            {y} = ({y} + dy) % {size}\n"
        rule = f" The field has {size} by {size} places; who leaves it on one side comes back on the opposite side."
    else:
        move = f"            if 0 <= {x} + dx < {size} and 0 <= {y} + dy < {size}:\n                {x} += dx\n                {y} += dy\n"
        rule = f" The field has {size} by {size} places; a step out of it is not made."
    back = coin(rng)
    backward = f"""\
        elif order == "B":
            {x} -= dx
            {y} -= dy
""" if back and size is None else ""  # fmt: skip
    visited = f"            seen.append([{x}, {y}])\n" if places else ""
    returned_text = (
        f"the number of different places that it stood on after a step{' forward' if backward else ''}, the start included"
        if places
        else "`[column, row, direction]`, the direction being 0 for up, 1 right, 2 down, 3 left"
    )
    source = f"""\
def {function}({program}):
    {x}, {y} = 0, 0
    direction = 0
{f"    seen = [[{x}, {y}]]" + chr(10) if places else ""}\
    for order in {program}:
        dx, dy = [(0, 1), (1, 0), (0, -1), (-1, 0)][direction]
        if order == "L":
            direction = (direction - 1) % 4
        elif order == "R":
            direction = (direction + 1) % 4
        elif order == "F":
{move}{visited}{backward}\
    return {"len({tuple(place) for place in seen})" if places else f"[{x}, {y}, direction]"}
"""
    intent = (
        f"`{function}({program})` follows a robot that starts in column 0 of row 0, looking up (to higher rows). L and R turn it by a quarter to the left or "
        f"right, F moves it one place forward{', B one place backward without turning' if backward else ''}; everything else does nothing.{rule} It returns {returned_text}."
    )
    wrong = (
        step(
            '            direction = (direction - 1) % 4\n        elif order == "R":\n            direction = (direction + 1) % 4\n',
            '            direction = (direction + 1) % 4\n        elif order == "R":\n            direction = (direction - 1) % 4\n',
        ),
        step("[(0, 1), (1, 0), (0, -1), (-1, 0)]", "[(0, 1), (0, -1), (1, 0), (-1, 0)]"),
        structure("len({tuple(place) for place in seen})", "len(seen)"),
        step(move, move.replace(f"{y}", f"{x}")),
    )
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: ("".join(r.choice("FFFLRB" if backward else "FFFLRx") for _ in range(r.randint(0, 12))),),
    )  # fmt: skip


def turn(rng: Random) -> Draft:
    grid, out = names(rng, "grid matrix table", "turned result rows")
    function = rng.choice(["turn", "rearrange", "transform"])
    kind = rng.choice(["right", "left", "transpose", "mirror", "half"])
    cell = {
        "right": ("len({g}[0])", "len({g})", "{g}[len({g}) - 1 - column][row]", "turned clockwise by a quarter"),
        "left": ("len({g}[0])", "len({g})", "{g}[column][len({g}[0]) - 1 - row]", "turned counter-clockwise by a quarter"),
        "transpose": ("len({g}[0])", "len({g})", "{g}[column][row]", "with rows and columns exchanged"),
        "mirror": ("len({g})", "len({g}[0])", "{g}[row][len({g}[0]) - 1 - column]", "mirrored, left and right exchanged"),
        "half": ("len({g})", "len({g}[0])", "{g}[len({g}) - 1 - row][len({g}[0]) - 1 - column]", "turned by a half"),
    }[kind]  # fmt: skip
    height, width, value, words = (part.format(g=grid) for part in cell)
    wrong: tuple[Mistake, ...]
    if coin(rng):
        source = f"""\
def {function}({grid}):
    if not {grid}:
        return []
    {out} = []
    for row in range({height}):
        line = []
        for column in range({width}):
            line.append({value})
        {out}.append(line)
    return {out}
"""
        wrong = (
            structure(
                f"    for row in range({height}):\n        line = []\n",
                f"    line = []\n    for row in range({height}):\n",
            ),
            step(f"            line.append({value})\n", "            line.append(row)\n"),
        )
    else:
        source = f"""\
def {function}({grid}):
    if not {grid}:
        return []
    return [[{value} for column in range({width})] for row in range({height})]
"""
        wrong = (
            step(
                f"for column in range({width})] for row in range({height})]",
                f"for row in range({height})] for column in range({width})]",
            ),
        )
    intent = f"`{function}({grid})` returns a rectangle of numbers, given as a list of rows, {words}; an empty list for an empty one."
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong, draw=lambda r: (_grid(r, [*range(10)]),)
    )


FAMILIES = (spiral, diagonals, islands, generation, robot, turn)
