"""Small languages: calculators, comma-separated lines, settings, paths, templates, machines."""

from random import Random

from evaluators.families.draft import Args, Draft, coin, names, step, structure


def calculator(rng: Random) -> Draft:
    text, place = names(rng, "text source formula", "place at index")
    function = rng.choice(["calculate", "evaluate", "compute"])
    minus, modulo = coin(rng), coin(rng)
    ops = {"+": "+", "-": "-"}
    times = ["*", "%"] if modulo else ["*"]
    remainder = """\
        elif sign == "%":
            value = value % right if right else 0
""" if modulo else ""  # fmt: skip
    unary = f"""\
    if {place} < len(tokens) and tokens[{place}] == "-":
        value, {place} = factor(tokens, {place} + 1)
        return -value, {place}
""" if minus else ""  # fmt: skip
    source = f"""\
def split_tokens({text}):
    tokens = []
    number = ""
    for symbol in {text}:
        if symbol.isdigit():
            number += symbol
            continue
        if number:
            tokens.append(int(number))
            number = ""
        if symbol != " ":
            tokens.append(symbol)
    if number:
        tokens.append(int(number))
    return tokens


def factor(tokens, {place}):
{unary}\
    if tokens[{place}] == "(":
        value, {place} = total(tokens, {place} + 1)
        return value, {place} + 1
    return tokens[{place}], {place} + 1


def product(tokens, {place}):
    value, {place} = factor(tokens, {place})
    while {place} < len(tokens) and tokens[{place}] in {tuple(times) if modulo else '("*",)'}:
        sign = tokens[{place}]
        right, {place} = factor(tokens, {place} + 1)
        if sign == "*":
            value = value * right
{remainder}\
    return value, {place}


def total(tokens, {place}):
    value, {place} = product(tokens, {place})
    while {place} < len(tokens) and tokens[{place}] in {tuple(ops)}:
        sign = tokens[{place}]
        right, {place} = product(tokens, {place} + 1)
        if sign == "+":
            value += right
        else:
            value -= right
    return value, {place}


def {function}({text}):
    return total(split_tokens({text}), 0)[0]
"""
    source = (
        source.replace('("*", "%")', '("*", "%")')
        .replace("('*', '%')", '("*", "%")')
        .replace("('+', '-')", '("+", "-")')
    )
    extra = (", %, the remainder, 0 if the right side is 0," if modulo else "") + (
        " a minus in front of a number or bracket," if minus else ""
    )
    intent = (
        f"`{function}({text})` evaluates a formula of non-negative whole numbers, + and -, which are done from left to right, *{extra} which is done before "
        "them, round brackets and spaces."
    )
    wrong = (
        step(
            f"        right, {place} = product(tokens, {place} + 1)\n",
            f"        right, {place} = total(tokens, {place} + 1)\n",
        ),
        step(
            f"        value, {place} = total(tokens, {place} + 1)\n        return value, {place} + 1\n",
            f"        return total(tokens, {place} + 1)\n",
        ),
        step(
            "            number += symbol\n            continue\n",
            "            number = symbol\n            continue\n",
        ),
        step(
            '        if number:\n            tokens.append(int(number))\n            number = ""\n        if symbol',
            "        if number:\n            tokens.append(int(number))\n        if symbol",
        ),
        step("    if number:\n        tokens.append(int(number))\n    return tokens", "    return tokens"),
    )

    def formula(r: Random, depth: int) -> str:
        kind = r.randint(0, 5) if depth else 0
        if kind == 0:
            return str(r.choice([0, 1, 2, 3, 10, 12]))
        if kind == 1:
            return f"({formula(r, depth - 1)})"
        if kind == 2 and minus:
            return f"-{formula(r, 0)}"
        sign = r.choice(["+", "-", "*", *times])
        return f"{formula(r, depth - 1)}{r.choice(['', ' '])}{sign}{r.choice(['', ' '])}{formula(r, depth - 1)}"

    return Draft(function=function, source=source, intent=intent, draw=lambda r: (formula(r, 3),), mistakes=wrong)


def reverse_polish(rng: Random) -> Draft:
    tokens, stack = names(rng, "tokens words program", "stack pile numbers")
    function = rng.choice(["run_stack", "polish", "stack_machine"])
    extras = rng.sample(["dup", "swap", "drop", "max", "over"], 3)
    code = {
        "dup": f"""\
        elif token == "dup":
            {stack}.append({stack}[-1])
""",
        "swap": f"""\
        elif token == "swap":
            top = {stack}.pop()
            {stack}.insert(len({stack}) - 1, top)
""",
        "drop": f"""\
        elif token == "drop":
            {stack}.pop()
""",
        "max": f"""\
        elif token == "max":
            right = {stack}.pop()
            {stack}[-1] = max({stack}[-1], right)
""",
        "over": f"""\
        elif token == "over":
            {stack}.append({stack}[-2])
""",
    }
    words = {
        "dup": "`dup` puts the top number on the stack once more", "swap": "`swap` exchanges the two top numbers", "drop": "`drop` removes the top number",
        "max": "`max` replaces the two top numbers by the greater one", "over": "`over` puts the second number from the top on the stack once more",
    }  # fmt: skip
    need = {"dup": 1, "swap": 2, "drop": 1, "max": 2, "over": 2}
    table = ", ".join(f'"{word}": {need[word]}' for word in extras)
    source = f"""\
NEEDS = {{"+": 2, "-": 2, "*": 2, {table}}}


def {function}({tokens}):
    {stack} = []
    for token in {tokens}:
        if len({stack}) < NEEDS.get(token, 0):
            return None
        if token == "+":
            right = {stack}.pop()
            {stack}.append({stack}.pop() + right)
        elif token == "-":
            right = {stack}.pop()
            {stack}.append({stack}.pop() - right)
        elif token == "*":
            right = {stack}.pop()
            {stack}.append({stack}.pop() * right)
{"".join(code[word] for word in extras)}\
        else:
            {stack}.append(int(token))
    return {stack}
"""
    intent = (
        f"`{function}({tokens})` runs a program for a stack machine: a number is put on the stack; +, - and * replace the two top numbers by their sum, difference (second "
        f"from the top minus the top) or product; {'; '.join(words[word] for word in extras)}. It returns the stack, top last, or None if a word finds too few numbers."
    )
    wrong = (
        step(f"        if len({stack}) < NEEDS.get(token, 0):\n            return None\n", ""),
        step(
            f"            right = {stack}.pop()\n            {stack}.append({stack}.pop() - right)\n",
            f"            left = {stack}.pop()\n            {stack}.append(left - {stack}.pop())\n",
        ),
        *[step(code[word], "") for word in extras[:2]],
        structure(f"            {stack}.append(int(token))\n", f"            {stack}.insert(0, int(token))\n"),
    )
    pool = ["1", "2", "3", "5", "-4", "7", "+", "-", "*", *extras]

    def draw(r: Random) -> Args:
        start = [r.choice(pool[:6]) for _ in range(r.randint(0, 3))]
        return (start + [r.choice(pool) for _ in range(r.randint(1, 5))],)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def split_line(rng: Random) -> Draft:
    line, fields, field = names(rng, "line row record", "fields cells parts", "field cell current")
    function = rng.choice(["split_line", "parse_row", "read_fields"])
    separator, quote = rng.choice([(",", "'"), (";", "'"), ("|", "~"), (",", "$")])
    strip, escape = coin(rng), rng.choice(["double", "backslash", "none"])
    add = f"{field}.strip()" if strip else field
    escaped = {
        "double": f"""\
            if symbol == QUOTE and {line}[index + 1 : index + 2] == QUOTE:
                {field} += QUOTE
                index += 1
            elif symbol == QUOTE:
                quoted = False
""",
        "backslash": f"""\
            if symbol == "\\\\" and index + 1 < len({line}):
                index += 1
                {field} += {line}[index]
            elif symbol == QUOTE:
                quoted = False
""",
        "none": """\
            if symbol == QUOTE:
                quoted = False
""",
    }[escape]
    source = f"""\
QUOTE = "{quote}"


def {function}({line}):
    {fields} = []
    {field} = ""
    quoted = False
    index = 0
    while index < len({line}):
        symbol = {line}[index]
        if quoted:
{escaped}\
            else:
                {field} += symbol
        elif symbol == QUOTE:
            quoted = True
        elif symbol == "{separator}":
            {fields}.append({add})
            {field} = ""
        else:
            {field} += symbol
        index += 1
    {fields}.append({add})
    return {fields}
"""
    rule = {
        "double": f" Two {quote} in a row between quotes stand for one.",
        "backslash": " A backslash between quotes takes the next character as it is.",
        "none": "",
    }[escape]
    intent = (
        f"`{function}({line})` splits a line at every {separator} that is not between two {quote}; the quotes themselves are dropped.{rule} "
        f"{'Spaces around a field are removed. ' if strip else ''}A quote that is never closed reaches to the end of the line. There is always at least one field."
    )
    wrong = (
        step(f"    {fields}.append({add})\n    return", f"    if {field}:\n        {fields}.append({add})\n    return"),
        step(
            f'            {fields}.append({add})\n            {field} = ""\n', f"            {fields}.append({add})\n"
        ),
        step(
            escaped,
            "            if symbol == QUOTE:\n                quoted = False\n"
            if escape != "none"
            else f'            if symbol == "{separator}":\n                quoted = False\n',
        ),
        structure(f'    {fields} = []\n    {field} = ""\n', f'    {fields} = [""]\n    {field} = ""\n'),
    )
    letters = f"ab{separator}{separator}{quote}{quote} " + ("\\" if escape == "backslash" else "")
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: ("".join(r.choice(letters) for _ in range(r.randint(0, 11))),),
    )  # fmt: skip


def settings(rng: Random) -> Draft:
    lines, out, section = names(rng, "lines rows text", "result values config", "section group part")
    function = rng.choice(["read_settings", "parse_config", "load_options"])
    comment = rng.choice(["#", ";", "//"])
    numbers, repeats = coin(rng), rng.choice(["last", "first", "list"])
    convert = """\
        if value.isdigit():
            value = int(value)
""" if numbers else ""  # fmt: skip
    store = {
        "last": f"        {out}[{section} + key] = value\n",
        "first": f"        {out}.setdefault({section} + key, value)\n",
        "list": f"        {out}.setdefault({section} + key, []).append(value)\n",
    }[repeats]
    source = f"""\
def {function}({lines}):
    {out} = {{}}
    {section} = ""
    for line in {lines}:
        line = line.split("{comment}")[0].strip()
        if not line:
            continue
        if line.startswith("[") and line.endswith("]"):
            {section} = line[1:-1].strip() + "."
            continue
        key, sign, value = line.partition("=")
        key = key.strip()
        value = value.strip()
        if not sign:
            value = "yes"
{convert}{store}\
    return {out}
"""
    again = {
        "last": "a later value replaces an earlier one",
        "first": "the first value of a name counts",
        "list": "all values of a name are kept in a list",
    }[repeats]
    intent = (
        f"`{function}({lines})` reads settings `name = value`, spaces not mattering; what follows {comment} is a comment. A line `[section]` puts `section.` before all names that "
        f"follow. A line without = gives its name the value 'yes'.{' Values of digits only become integers.' if numbers else ''} It returns a dictionary; {again}."
    )
    wrong = (
        step('        if not sign:\n            value = "yes"\n', ""),
        step("            continue\n        key, sign", "        key, sign"),
        step(
            f'            {section} = line[1:-1].strip() + "."\n',
            f'            {section} += line[1:-1].strip() + "."\n',
        ),
        step(f'line.split("{comment}")[0].strip()', "line.strip()"),
        structure(
            store,
            f"        {out}[{section} + key] = [value]\n" if repeats == "list" else f"        {out}[key] = value\n",
        ),
    )
    pool = [
        "a = 1",
        "b=x",
        "a=2",
        "flag",
        " c = 7 ",
        "[one]",
        "[ two ]",
        "",
        f"{comment} note",
        f"d = 5 {comment} five",
        "a = y",
        "e = ",
    ]
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: ([r.choice(pool) for _ in range(r.randint(0, 7))],),
    )  # fmt: skip


def paths(rng: Random) -> Draft:
    path, parts = names(rng, "path route address", "parts stack kept")
    function = rng.choice(["tidy_path", "normalise", "clean_path"])
    above = rng.choice(["stop", "keep"])
    separator = rng.choice(["/", "/", ">"])
    if above == "stop":
        up = f"            if {parts}:\n                {parts}.pop()\n"
        rule = "`..` at the top is ignored"
    else:
        up = f'            if {parts} and {parts}[-1] != "..":\n                {parts}.pop()\n            elif not absolute:\n                {parts}.append("..")\n'
        rule = "`..` that cannot remove anything stays at the beginning of a relative path and is ignored in an absolute one"
    source = f"""\
def {function}({path}):
    absolute = {path}.startswith("{separator}")
    {parts} = []
    for part in {path}.split("{separator}"):
        if part == "" or part == ".":
            continue
        if part == "..":
{up}\
        else:
            {parts}.append(part)
    joined = "{separator}".join({parts})
    if absolute:
        return "{separator}" + joined
    return joined or "."
"""
    intent = (
        f"`{function}({path})` simplifies a path whose parts are separated by {separator}: empty parts and `.` disappear, `..` removes the part before it, {rule}. An absolute path (beginning "
        f"with {separator}) stays absolute; an empty relative one becomes `.`."
    )
    wrong = (
        step(f"            if {parts}:\n                {parts}.pop()\n", f"            {parts} = {parts}[:1]\n"),
        step(
            '        if part == "" or part == ".":\n            continue\n',
            '        if part == ".":\n            continue\n',
        ),
        step(f'    if absolute:\n        return "{separator}" + joined\n', ""),
        step(f'            elif not absolute:\n                {parts}.append("..")\n', ""),
        structure(f"                {parts}.pop()\n", f"                {parts}.clear()\n"),
    )

    def draw(r: Random) -> Args:
        body = separator.join(r.choice(["a", "b", "..", "..", ".", "", "cd"]) for _ in range(r.randint(0, 6)))
        return ((separator if r.random() < 0.4 else "") + body,)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def template(rng: Random) -> Draft:
    text, values, out = names(rng, "text template form", "values words data", "out result filled")
    function = rng.choice(["fill_in", "render", "substitute"])
    left, right = rng.choice([("{", "}"), ("<", ">"), ("[", "]")])
    missing = rng.choice(["keep", "empty", "default"])
    double = coin(rng)
    default = {
        "keep": f"                {out} += {text}[index : end + 1]\n",
        "empty": "                pass\n",
        "default": f'                {out} += name.partition(":")[2]\n',
    }[missing]
    lookup = 'name.partition(":")[0]' if missing == "default" else "name"
    twice = f"""\
        if {text}[index : index + 2] == "{left}{left}":
            {out} += "{left}"
            index += 2
            continue
""" if double else ""  # fmt: skip
    source = f"""\
def {function}({text}, {values}):
    {out} = ""
    index = 0
    while index < len({text}):
{twice}\
        if {text}[index] == "{left}":
            end = {text}.find("{right}", index)
            if end == -1:
                {out} += {text}[index:]
                break
            name = {text}[index + 1 : end]
            if {lookup} in {values}:
                {out} += {values}[{lookup}]
            else:
{default}\
            index = end + 1
        else:
            {out} += {text}[index]
            index += 1
    return {out}
"""
    rule = {
        "keep": "an unknown name stays as it is, brackets included", "empty": "an unknown name disappears",
        "default": "after the name may follow a colon and a text that is used for an unknown name (nothing without colon)",
    }[missing]  # fmt: skip
    twice_rule = f" Two {left} in a row stand for one {left} as text." if double else ""
    intent = (
        f"`{function}({text}, {values})` replaces every name between {left} and the next {right} by its value from the dictionary; {rule}.{twice_rule} A {left} that is never closed is text, "
        "like everything after it."
    )
    wrong = (
        step(f"                {out} += {text}[index:]\n                break\n", "                break\n"),
        step("            index = end + 1\n", "            index += len(name)\n"),
        step(default, f"                {out} += name\n"),
        step(twice, "")
        if double
        else step(
            f"            if end == -1:\n                {out} += {text}[index:]\n                break\n",
            "            if end == -1:\n                end = index\n",
        ),
        structure(f"{out} += {values}[{lookup}]", f"{out} = {values}[{lookup}]"),
    )

    def draw(r: Random) -> Args:
        pieces = [
            "x",
            " ",
            "no",
            f"{left}a{right}",
            f"{left}b{right}",
            f"{left}zz{right}",
            f"{left}zz:q{right}",
            f"{left}a:w{right}",
            left,
            right,
        ]
        return "".join(r.choice(pieces) for _ in range(r.randint(0, 6))), {"a": r.choice(["one", ""]), "b": "2"}

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def machine(rng: Random) -> Draft:
    program, memory = names(rng, "program code lines", "registers memory store")
    function = rng.choice(["execute", "run_program", "simulate"])
    limit = rng.choice([50, 100])
    jump = rng.choice(["jnz", "jpos"])
    condition = "!= 0" if jump == "jnz" else "> 0"
    words = "is not 0" if jump == "jnz" else "is greater than 0"
    swap = coin(rng)
    swapping = f"""\
        elif name == "swap":
            {memory}["a"], {memory}["b"] = {memory}["b"], {memory}["a"]
""" if swap else ""  # fmt: skip
    source = f"""\
def value_of({memory}, word):
    if word in {memory}:
        return {memory}[word]
    return int(word)


def one_step({memory}, place, parts):
    name = parts[0]
    if name == "{jump}":
        if value_of({memory}, parts[1]) {condition}:
            return place + int(parts[2])
        return place + 1
    if name == "set":
        {memory}[parts[1]] = value_of({memory}, parts[2])
    elif name == "add":
        {memory}[parts[1]] += value_of({memory}, parts[2])
    elif name == "sub":
        {memory}[parts[1]] -= value_of({memory}, parts[2])
{swapping.replace("        elif", "    elif").replace("            ", "        ")}\
    return place + 1


def {function}({program}):
    {memory} = {{"a": 0, "b": 0}}
    place = 0
    steps = 0
    while 0 <= place < len({program}):
        if steps == {limit}:
            return None
        parts = {program}[place].split()
        place = one_step({memory}, place, parts)
        steps += 1
    return [{memory}["a"], {memory}["b"], steps]
"""
    swap_rule = " `swap` exchanges the two registers." if swap else ""
    intent = (
        f"`{function}({program})` runs a program on two registers a and b, both 0 at first. `set r v`, `add r v` and `sub r v` set, raise or lower register r by v, a register or a number. "
        f"`{jump} v n` jumps n lines (possibly backward) if v {words}.{swap_rule} Execution ends when it leaves the program; the result is `[a, b, steps]`. A program that has not ended after {limit} steps gives None."
    )
    wrong = (
        step(
            f"    if word in {memory}:\n        return {memory}[word]\n    return int(word)\n",
            "    return int(word) if word.isdigit() else 0\n",
        ),
        step(
            f"        if steps == {limit}:\n            return None\n",
            f"        if steps == {limit}:\n            break\n",
        ),
        step(
            f"        if value_of({memory}, parts[1]) {condition}:\n            return place + int(parts[2])\n        return place + 1\n",
            f"        return int(parts[2]) if value_of({memory}, parts[1]) {condition} else place + 1\n",
        ),
        structure(
            f'    {memory} = {{"a": 0, "b": 0}}\n    place = 0\n',
            f'    {memory} = {{"a": 0, "b": place}}\n    place = 0\n'.replace("place}", "1}"),
        ),
    )

    def line(r: Random) -> str:
        kind = r.choice(["set", "add", "add", "sub", jump, jump] + (["swap"] if swap else []))
        if kind == "swap":
            return "swap"
        if kind == jump:
            return f"{jump} {r.choice('ab')} {r.choice([-2, -1, 2, 3])}"
        return f"{kind} {r.choice('ab')} {r.choice(['a', 'b', '1', '2', '5', '-3'])}"

    def draw(r: Random) -> Args:
        if r.random() < 0.4:
            return ([f"set a {r.randint(0, 6)}", line(r), "sub a 1", f"{jump} a -2", line(r)],)
        return ([line(r) for _ in range(r.randint(0, 6))],)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


FAMILIES = (calculator, reverse_polish, split_line, settings, paths, template, machine)
