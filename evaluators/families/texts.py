"""String processing: run lengths, shifting letters, cases, brackets, wrapping, versions."""

from random import Random

from evaluators.families.draft import Args, Draft, Mistake, coin, names, step, structure, word


def run_length(rng: Random) -> Draft:
    text, out, count = names(rng, "text word line", "pieces parts out", "count length size")
    function = rng.choice(["squeeze", "encode_runs", "pack"])
    least = rng.choice([1, 2, 3])
    number_first = coin(rng)
    piece = f"str({count}) + {text}[start]" if number_first else f"{text}[start] + str({count})"
    if least == 1:
        add = f"        {out}.append({piece})\n"
        wrong = [step(f"        start += {count}\n", "        start += 1\n")]
    else:
        add = f"""\
        if {count} >= {least}:
            {out}.append({piece})
        else:
            {out}.append({text}[start] * {count})
"""
        wrong = [
            step(f"            {out}.append({text}[start] * {count})\n", f"            {out}.append({text}[start])\n")
        ]
    source = f"""\
def {function}({text}):
    {out} = []
    start = 0
    while start < len({text}):
        {count} = 1
        while start + {count} < len({text}) and {text}[start + {count}] == {text}[start]:
            {count} += 1
{add}\
        start += {count}
    return "".join({out})
"""
    order = "the number, then the letter" if number_first else "the letter, then the number"
    short = "" if least == 1 else f" Runs of fewer than {least} letters stay as they are."
    intent = f"`{function}({text})` writes every run of the same letter as its length in decimal and the letter once: {order}.{short}"
    wrong.append(structure(f"{out} = []", f'{out} = {{""}}'))
    return Draft(
        function=function, source=source, intent=intent, mistakes=tuple(wrong),
        draw=lambda r: (word(r, "aabbc", most=10),),
    )  # fmt: skip


def expand_runs(rng: Random) -> Draft:
    text, out, number = names(rng, "text code packed", "out plain result", "number amount times")
    function = rng.choice(["unpack", "expand_runs", "decode_runs"])
    default = coin(rng)
    when_missing = "1" if default else "0"
    use = f"int({number} or {when_missing!r})" if coin(rng) else f"(int({number}) if {number} else {when_missing})"
    source = f"""\
def {function}({text}):
    {out} = ""
    {number} = ""
    for symbol in {text}:
        if symbol.isdigit():
            {number} += symbol
        else:
            {out} += symbol * {use}
            {number} = ""
    return {out}
"""
    intent = (
        f"`{function}({text})` reads pairs of a decimal number (possibly of several digits) and a letter and repeats the letter "
        f"that often. A letter without a number counts {'once' if default else 'zero times'}; digits at the very end are ignored."
    )

    def draw(r: Random) -> Args:
        parts = [r.choice(["", "1", "2", "3", "10", "12"]) + r.choice("abc") for _ in range(r.randint(0, 5))]
        return ("".join(parts) + r.choice(["", "", "4"]),)

    wrong = (
        step(f"            {number} += symbol\n", f"            {number} = symbol\n"),
        step(
            f'            {out} += symbol * {use}\n            {number} = ""\n',
            f"            {out} += symbol * {use}\n",
        ),
    )
    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def shift_letters(rng: Random) -> Draft:
    text, out, base = names(rng, "text message plain", "out result cipher", "base origin first")
    function = rng.choice(["rotate", "shift_letters", "encipher"])
    alternating, digits = coin(rng), coin(rng)
    amount = "(shift if index % 2 == 0 else -shift)" if alternating else "shift"
    loop = f"for index, letter in enumerate({text}):" if alternating else f"for letter in {text}:"
    digit_branch = (
        f"        elif letter.isdigit():\n            {out}.append(str((int(letter) + {amount}) % 10))\n"
        if digits
        else ""
    )
    if coin(rng):
        body = f"""\
        if "a" <= letter <= "z":
            {out}.append(chr((ord(letter) - ord("a") + {amount}) % 26 + ord("a")))
        elif "A" <= letter <= "Z":
            {out}.append(chr((ord(letter) - ord("A") + {amount}) % 26 + ord("A")))
{digit_branch}\
        else:
            {out}.append(letter)
"""
    else:
        body = f"""\
        if letter.isalpha():
            {base} = ord("A") if letter.isupper() else ord("a")
            {out}.append(chr({base} + (ord(letter) - {base} + {amount}) % 26))
{digit_branch}\
        else:
            {out}.append(letter)
"""
    source = f"""\
def {function}({text}, shift):
    {out} = []
    {loop}
{body}\
    return "".join({out})
"""
    turn = (
        " Letters at even positions of the text move forward, those at odd positions backward by as much."
        if alternating
        else ""
    )
    also = " Digits move in the same way among 0 to 9." if digits else ""
    intent = (
        f"`{function}({text}, shift)` moves every letter by `shift` places in the alphabet, going round at its ends and keeping "
        f"upper and lower case.{turn}{also} Everything else stays."
    )
    wrong = (
        step(f"(ord(letter) - {base} + {amount}) % 26", f"(ord(letter) + {amount}) % 26"),
        step('(ord(letter) - ord("A") + ', '(ord(letter) - ord("a") + '),
    )
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: (word(r, "abxyzABXYZ 09-", most=9), r.randint(-30, 30)),
    )  # fmt: skip


def brackets(rng: Random) -> Draft:
    text, stack, depth = names(rng, "text line source", "stack open_ones waiting", "deepest depth most")
    function = rng.choice(["check_brackets", "balanced", "nesting"])
    pairs = rng.choice(['{")": "(", "]": "["}', '{")": "(", "]": "[", "}": "{"}', '{">": "<", ")": "("}'])
    wants = rng.choice(["ok", "depth", "place"])
    bad = {"ok": "False", "depth": "-1", "place": "position"}[wants]
    end = {"ok": f"not {stack}", "depth": f"-1 if {stack} else {depth}", "place": f"{stack}[0][1] if {stack} else -1"}[
        wants
    ]
    push = f"{stack}.append((symbol, position))" if wants == "place" else f"{stack}.append(symbol)"
    top = f"{stack}[-1][0]" if wants == "place" else f"{stack}[-1]"
    loop = f"for position, symbol in enumerate({text}):" if wants == "place" else f"for symbol in {text}:"
    source = f"""\
def {function}({text}):
    partner = {pairs}
    {stack} = []
{f"    {depth} = 0" + chr(10) if wants == "depth" else ""}\
    {loop}
        if symbol in partner.values():
            {push}
{f"            {depth} = max({depth}, len({stack}))" + chr(10) if wants == "depth" else ""}\
        elif symbol in partner:
            if not {stack} or {top} != partner[symbol]:
                return {bad}
            {stack}.pop()
    return {end}
"""
    returned = {
        "ok": "whether all brackets are closed by the right one in the right order",
        "depth": "the deepest nesting of brackets, or -1 if they are not closed properly",
        "place": "the index of the first closing bracket that does not fit, else the index of the first bracket left open, "
        "else -1",
    }[wants]
    intent = f"`{function}({text})` looks at the brackets {pairs} (closing: opening) only and returns {returned}."
    wrong = (
        step(
            f"            if not {stack} or {top} != partner[symbol]:\n                return {bad}\n",
            f"            if not {stack}:\n                return {bad}\n",
        ),
        step(f"                return {bad}\n            {stack}.pop()\n", f"                return {bad}\n"),
        structure(f"            {stack}.pop()\n", f"            {stack}.pop(0)\n"),
    )
    letters = "".join(sorted(set(pairs) - set("{}: \",'"))) + ("{}" if '"}"' in pairs else "") + "x"

    def draw(r: Random) -> Args:
        closing = {")": "(", "]": "[", "}": "{", ">": "<"}
        opening = {value: key for key, value in closing.items() if value in letters}
        body = ""
        for _ in range(r.randint(0, 4)):
            left = r.choice(sorted(opening))
            body = r.choice(
                [left + body + opening[left], body + left + opening[left], left + opening[left] + body, body + "x"]
            )
        if r.random() < 0.5 and body:
            at = r.randrange(len(body))
            body = body[:at] + r.choice(letters) + body[at + r.randint(0, 1) :]
        return (body,)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def rename(rng: Random) -> Draft:
    name, out = names(rng, "name label identifier", "words parts pieces")
    function = rng.choice(["restyle", "convert_name", "rename"])
    to_snake = coin(rng)
    glue = rng.choice(["_", "-", "."])
    if to_snake:
        first = coin(rng)
        source = f"""\
def {function}({name}):
    {out} = []
    current = ""
    for index in range(len({name})):
        letter = {name}[index]
        new_word = letter.isupper() and (index == 0 or not {name}[index - 1].isupper())
        if new_word and current:
            {out}.append(current)
            current = ""
        current += letter.lower()
    if current:
        {out}.append(current)
    return "{glue}".join({out}{"" if first else "[::-1]"})
"""
        intent = (
            f"`{function}({name})` splits a camel-case name into words and joins them, all in lower case{'' if first else ' and in reverse order'}, "
            f"with '{glue}'. A word begins at an upper-case letter whose predecessor is not upper case, so a run of upper-case "
            "letters belongs to one word."
        )
        wrong: tuple[Mistake, ...] = (
            step(f" and (index == 0 or not {name}[index - 1].isupper())", ""),
            step(f"    if current:\n        {out}.append(current)\n", ""),
        )
        letters = "abABC1"
    else:
        capital_first = coin(rng)
        source = f"""\
def {function}({name}):
    {out} = [word for word in {name}.split("{glue}") if word]
    result = ""
    for index, word in enumerate({out}):
        if index == 0{" and len(word) < 1" if capital_first else ""}:
            result += word.lower()
        else:
            result += word[0].upper() + word[1:].lower()
    return result
"""
        if capital_first:
            source = f"""\
def capitalised(word):
    return word[0].upper() + word[1:].lower()


def {function}({name}):
    {out} = []
    for word in {name}.split("{glue}"):
        if word:
            {out}.append(capitalised(word))
    return "".join({out})
"""
        intent = (
            f"`{function}({name})` turns words joined by '{glue}' into one camel-case name: every word{'' if capital_first else ' but the first'} "
            f"begins with an upper-case letter, all other letters are lower case. Empty words are skipped."
        )
        wrong = (
            step("word[0].upper() + word[1:].lower()", "word.upper()"),
            step(
                f"        if word:\n            {out}.append(capitalised(word))\n",
                f"        {out}.append(capitalised(word))\n",
            ),
        )
        letters = f"abXY{glue}{glue}"
    return Draft(
        function=function,
        source=source,
        intent=intent,
        mistakes=wrong,
        draw=lambda r: (word(r, letters, least=1, most=9),),
    )


def wrap_words(rng: Random) -> Draft:
    text, lines, current = names(rng, "text paragraph sentence", "lines rows output", "current line buffer")
    function = rng.choice(["wrap_words", "fill", "break_lines"])
    right, split_long = coin(rng), coin(rng)
    long = f"""\
        while len(word) > width:
            if {current}:
                {lines}.append({current})
                {current} = ""
            {lines}.append(word[:width])
            word = word[width:]
        if not word:
            continue
"""
    finish = f"    return [row.rjust(width) for row in {lines}]" if right else f"    return {lines}"
    source = f"""\
def {function}({text}, width):
    {lines} = []
    {current} = ""
    for word in {text}.split():
{long if split_long else ""}\
        if not {current}:
            {current} = word
        elif len({current}) + 1 + len(word) <= width:
            {current} += " " + word
        else:
            {lines}.append({current})
            {current} = word
    if {current}:
        {lines}.append({current})
{finish}
"""
    overlong = (
        "A word longer than `width` is cut into pieces of `width` letters."
        if split_long
        else "A longer word gets a line of its own."
    )
    intent = (
        f"`{function}({text}, width)` breaks a text into a list of lines of at most `width` letters, putting as many words on a line "
        f"as fit, one space between them. {overlong}{' Lines are padded with spaces on the left to the full width.' if right else ''}"
    )
    wrong = (
        step(
            f"            {lines}.append({current})\n            {current} = word\n    if",
            f'            {lines}.append({current})\n            {current} = ""\n    if',
        ),
        step(f"len({current}) + 1 + len(word) <= width", f"len({lines}) + len(word) <= width"),
        step(f"    if {current}:\n        {lines}.append({current})\n", ""),
    )

    def draw(r: Random) -> Args:
        return " ".join(word(r, "abcde", least=1, most=7) for _ in range(r.randint(0, 7))), r.randint(3, 10)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def versions(rng: Random) -> Draft:
    left, right = names(rng, "left first old", "right second new")
    function = rng.choice(["compare_versions", "newer", "version_order"])
    helper = rng.choice(["parts", "numbers", "split_version"])
    sign = coin(rng)
    prerelease = coin(rng)
    results = ("1", "-1", "0") if sign else ('"newer"', '"older"', '"same"')
    prepare = '    text = text.split("-")[0]\n' if prerelease else ""
    tail = ""
    if prerelease:
        tail = f"""\
    if ("-" in {left}) != ("-" in {right}):
        return {results[1]} if "-" in {left} else {results[0]}
"""
    source = f"""\
def {helper}(text, length):
{prepare}\
    found = [int(piece) for piece in text.split(".")]
    while len(found) < length:
        found.append(0)
    return found


def {function}({left}, {right}):
    length = max({left}.count("."), {right}.count(".")) + 1
    a = {helper}({left}, length)
    b = {helper}({right}, length)
    for i in range(length):
        if a[i] > b[i]:
            return {results[0]}
        if a[i] < b[i]:
            return {results[1]}
{tail}\
    return {results[2]}
"""
    pre = " With equal numbers, a version with a suffix after '-' is older than one without." if prerelease else ""
    intent = (
        f"`{function}({left}, {right})` compares version numbers such as 1.10.2 part by part as numbers, missing parts counting as "
        f"0. It returns {results[0]} if the first is newer, {results[1]} if it is older, else {results[2]}.{pre}"
    )
    wrong = (
        step('[int(piece) for piece in text.split(".")]', 'text.split(".")'),
        step(
            "    while len(found) < length:\n        found.append(0)\n",
            "    while len(found) < length:\n        found.insert(0, 0)\n",
        ),
        step(f"        if a[i] < b[i]:\n            return {results[1]}\n", f"        return {results[1]}\n"),
    )

    def version(r: Random) -> str:
        suffix = r.choice(["", "", "-rc1"]) if prerelease else ""
        return ".".join(str(r.choice([0, 1, 2, 10])) for _ in range(r.randint(1, 3))) + suffix

    def draw(r: Random) -> Args:
        one = version(r)
        return one, r.choice([version(r), one, one.split("-")[0] + ".0", one.split("-")[0]])

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


FAMILIES = (run_length, expand_runs, shift_letters, brackets, rename, wrap_words, versions)
