"""Arithmetic: bisection, bits, digits, fractions, sieves, calendars, clocks, change."""

from random import Random

from evaluators.families.draft import Args, Draft, Mistake, coin, ints, names, step, structure


def bisection(rng: Random) -> Draft:
    xs, low, high = names(rng, "values ordered numbers", "low left start", "high right end")
    function = rng.choice(["position", "find_place", "search_sorted"])
    down = rng.random() < 0.3
    kind = rng.choice(["first", "last", "insert"])
    before = ">" if down else "<"
    skip = f"{xs}[middle] {before} target" if kind != "last" else f"{xs}[middle] {before}= target"
    if kind == "insert":
        final = f"    return {low}\n"
        returned = f"the first index whose element is not {'greater' if down else 'smaller'} than `target`, or the length of the list"
    elif kind == "first":
        final = f"    if {low} < len({xs}) and {xs}[{low}] == target:\n        return {low}\n    return -1\n"
        returned = "the first index of `target`, or -1 if it is not there"
    else:
        final = f"    if {low} > 0 and {xs}[{low} - 1] == target:\n        return {low} - 1\n    return -1\n"
        returned = "the last index of `target`, or -1 if it is not there"
    source = f"""\
def {function}({xs}, target):
    {low} = 0
    {high} = len({xs})
    while {low} < {high}:
        middle = ({low} + {high}) // 2
        if {skip}:
            {low} = middle + 1
        else:
            {high} = middle
{final}"""
    intent = f"`{function}({xs}, target)` gets a list in {'descending' if down else 'ascending'} order, with repeats, and returns {returned}."
    wrong = (
        step(
            f"            {low} = middle + 1\n        else:\n            {high} = middle\n",
            f"            {high} = middle\n        else:\n            {low} = middle + 1\n",
        ),
        step(final, f"    return {low}\n")
        if kind != "insert"
        else step(f"    return {low}\n", f"    return {low} if {low} < len({xs}) else -1\n"),
    )

    def draw(r: Random) -> Args:
        return sorted(ints(r, 0, 9, most=9), reverse=down), r.randint(-1, 10)

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def bits(rng: Random) -> Draft:
    number, out, bit = names(rng, "number value word", "result found out", "bit place index")
    function = rng.choice(["bit_work", "scan_bits", "bits_of"])
    kind = rng.choice(["places", "longest", "reverse", "gray", "parity"])
    wrong: tuple[Mistake, ...]
    if kind == "places":
        source = f"""\
def {function}({number}):
    {out} = []
    {bit} = 0
    while {number} > 0:
        if {number} & 1:
            {out}.append({bit})
        {number} >>= 1
        {bit} += 1
    return {out}
"""
        intent = f"`{function}({number})` returns the places, lowest first and counted from 0, of all 1-bits of a non-negative integer."
        wrong = (
            step(f"        {number} >>= 1\n        {bit} += 1\n", f"        {number} //= 10\n        {bit} += 1\n"),
        )
    elif kind == "longest":
        value = rng.choice([0, 1])
        source = f"""\
def {function}({number}):
    {out} = 0
    run = 0
    while {number} > 0:
        if {number} % 2 == {value}:
            run += 1
            if run > {out}:
                {out} = run
        else:
            run = 0
        {number} //= 2
    return {out}
"""
        intent = f"`{function}({number})` returns the length of the longest run of {value}-bits in the binary form, without leading zeros, of a non-negative integer."
        wrong = (
            step(
                f"            if run > {out}:\n                {out} = run\n        else:\n            run = 0\n",
                f"        else:\n            {out} = max({out}, run)\n            run = 0\n",
            ),
            step("        else:\n            run = 0\n", ""),
        )
    elif kind == "reverse":
        size = rng.choice([4, 6, 8])
        source = f"""\
def {function}({number}):
    {out} = 0
    for {bit} in range({size}):
        if {number} & (1 << {bit}):
            {out} |= 1 << ({size - 1} - {bit})
    return {out}
"""
        intent = f"`{function}({number})` reverses the order of the lowest {size} bits of a non-negative integer; higher bits are dropped."
        wrong = (step(f"            {out} |= 1 << ({size - 1} - {bit})\n", f"            {out} += {bit} << 1\n"),)
    elif kind == "gray":
        source = f"""\
def {function}({number}):
    {out} = 0
    while {number} > 0:
        {out} ^= {number}
        {number} >>= 1
    return {out}
"""
        intent = f"`{function}({number})` decodes a Gray code: each bit of the result is the exclusive or of that bit of `{number}` and all higher ones."
        wrong = (
            step(
                f"        {out} ^= {number}\n        {number} >>= 1\n",
                f"        {number} >>= 1\n        {out} = {number} ^ 1\n",
            ),
        )
    else:
        groups = rng.choice([2, 3, 4])
        source = f"""\
def {function}({number}):
    {out} = []
    while {number} > 0:
        group = {number} & {2**groups - 1}
        ones = 0
        while group:
            group &= group - 1
            ones += 1
        {out}.append(ones)
        {number} >>= {groups}
    return {out}
"""
        intent = f"`{function}({number})` cuts a non-negative integer into groups of {groups} bits, lowest first, and returns how many 1-bits each has; leading groups of zeros are left out."
        wrong = (
            step(
                f"        {out}.append(ones)\n        {number} >>= {groups}\n",
                f"        {number} >>= {groups}\n    {out}.append(ones)\n",
            ),
            step(
                "            group &= group - 1\n            ones += 1\n",
                "            ones += group & 1\n            group -= 1\n",
            ),
        )
    return Draft(
        function=function,
        source=source,
        intent=intent,
        mistakes=wrong,
        draw=lambda r: (r.choice([r.randint(0, 40), r.randint(0, 5000)]),),
    )


def digits(rng: Random) -> Draft:
    number, total, digit = names(rng, "number value code", "total acc result", "digit figure d")
    function = rng.choice(["check_digit", "digit_work", "control_number"])
    kind = rng.choice(["luhn", "root", "weights", "reverse"])
    wrong: tuple[Mistake, ...]
    if kind == "luhn":
        modulus, limit = rng.choice([(10, 9), (7, 6), (9, 8)])
        source = f"""\
def {function}({number}):
    {total} = 0
    double = {coin(rng)}
    for figure in reversed({number}):
        {digit} = int(figure)
        if double:
            {digit} *= 2
            if {digit} > {limit}:
                {digit} -= {limit}
        {total} += {digit}
        double = not double
    return {total} % {modulus} == 0
"""
        start = "the last" if "double = True" in source else "the last but one"
        intent = (
            f"`{function}({number})` checks a string of digits: going backwards from {start}, every second digit is doubled and, if then "
            f"greater than {limit}, lowered by {limit}. The string is valid if the sum of all digits so changed is divisible by {modulus}."
        )
        wrong = (
            step("        double = not double\n", ""),
            step(f"            if {digit} > {limit}:\n                {digit} -= {limit}\n", ""),
            step(f"reversed({number})", number),
        )
        return Draft(
            function=function, source=source.replace("figure", "figure_text") if digit == "figure" else source, intent=intent,
            mistakes=wrong, draw=lambda r: ("".join(str(r.randint(0, 9)) for _ in range(r.randint(1, 4))),),
        )  # fmt: skip
    if kind == "root":
        stop = rng.choice([10, 20])
        source = f"""\
def {function}({number}):
    rounds = 0
    while {number} >= {stop}:
        {total} = 0
        while {number} > 0:
            {total} += {number} % 10
            {number} //= 10
        {number} = {total}
        rounds += 1
    return [{number}, rounds]
"""
        intent = f"`{function}({number})` replaces a non-negative integer by the sum of its decimal digits as long as it is at least {stop}. It returns the last value and the number of replacements."
        wrong = (
            step(
                f"        {number} = {total}\n        rounds += 1\n",
                f"        rounds += 1\n        {number} = {total} // {stop}\n",
            ),
            step(
                f"        {total} = 0\n        while {number} > 0:\n            {total} += {number} % 10\n            {number} //= 10\n",
                f"        {total} = {number} % 10 + {number} // 10\n",
            ),
        )
    elif kind == "weights":
        weights = rng.choice([[1, 3], [3, 7, 1], [2, 4, 8]])
        modulus = rng.choice([10, 11])
        symbol = '"X"' if modulus == 11 else '"0"'
        source = f"""\
def {function}({number}):
    weights = {weights}
    {total} = 0
    index = 0
    while {number}:
        {number}, {digit} = divmod({number}, 10)
        {total} += {digit} * weights[index % len(weights)]
        index += 1
    rest = {modulus} - {total} % {modulus}
    if rest == {modulus}:
        return "0"
    if rest == 10:
        return {symbol}
    return str(rest)
"""
        ten = ", a missing amount of 10 as 'X'" if modulus == 11 else ""
        intent = (
            f"`{function}({number})` multiplies the decimal digits of a non-negative integer, beginning with the last, by the weights {weights} "
            f"over and over, adds up the products and returns, as a string, what is missing to the next multiple of {modulus}{ten}; '0' if nothing."
        )
        wrong = (
            step(f'    if rest == {modulus}:\n        return "0"\n', ""),
            step(
                "weights[index % len(weights)]\n        index += 1\n",
                "weights[min(index, len(weights) - 1)]\n        index += 1\n",
            ),
        )
    else:
        base = rng.choice([10, 8, 12])
        source = f"""\
def {function}({number}):
    sign = 1
    if {number} < 0:
        sign = -1
        {number} = -{number}
    {total} = 0
    while {number} > 0:
        {total} = {total} * {base} + {number} % {base}
        {number} //= {base}
    return sign * {total}
"""
        intent = f"`{function}({number})` reverses the digits that an integer has in base {base} and keeps its sign."
        wrong = (
            step(f"    if {number} < 0:\n        sign = -1\n        {number} = -{number}\n", ""),
            step(f"{total} * {base} + {number} % {base}", f"{total} + {number} % {base}"),
        )
    draw_low = -999 if kind == "reverse" else 0
    return Draft(
        function=function,
        source=source,
        intent=intent,
        mistakes=wrong,
        draw=lambda r: (r.choice([r.randint(draw_low, 99), r.randint(draw_low, 99999)]),),
    )


def fractions(rng: Random) -> Draft:
    a, b, helper = names(rng, "first left x", "second right y", "gcd common_divisor reduce_by")
    function = rng.choice(["combine", "fraction_work", "add_up"])
    op = rng.choice(["+", "-", "compare"])
    mixed = coin(rng)
    body = f"""\
def {helper}(m, n):
    while n:
        m, n = n, m % n
    return m


"""
    wrong: tuple[Mistake, ...]
    if op == "compare":
        source = (
            body
            + f"""\
def {function}({a}, {b}):
    shared = {helper}({a}[1], {b}[1])
    common = {a}[1] // shared * {b}[1]
    one = {a}[0] * (common // {a}[1])
    two = {b}[0] * (common // {b}[1])
    if one == two:
        return [0, common]
    if one < two:
        return [-1, common]
    return [1, common]
"""
        )
        intent = (
            f"`{function}({a}, {b})` compares two fractions `[numerator, denominator]` with positive denominators. It returns "
            "`[result, common]`, result being -1, 0 or 1 for a first fraction smaller than, equal to or greater than the second, and "
            "`common` the least common multiple of the denominators."
        )  # fmt: skip
        wrong = (
            step(f"    common = {a}[1] // shared * {b}[1]\n", f"    common = {a}[1] * {b}[1]\n"),
            step("    if one < two:\n        return [-1, common]\n", ""),
        )
    else:
        final = "    return [top // bottom, top % bottom, bottom]\n" if mixed else "    return [top, bottom]\n"
        source = (
            body
            + f"""\
def {function}({a}, {b}):
    top = {a}[0] * {b}[1] {op} {b}[0] * {a}[1]
    bottom = {a}[1] * {b}[1]
    divisor = {helper}(abs(top), bottom)
    top //= divisor
    bottom //= divisor
{final}"""
        )
        returned = (
            "`[whole, numerator, denominator]` with a numerator from 0 up to less than the denominator"
            if mixed
            else "`[numerator, denominator]`"
        )
        intent = (
            f"`{function}({a}, {b})` {'adds two fractions' if op == '+' else 'subtracts the second fraction from the first, both'} "
            f"`[numerator, denominator]` with positive denominators, and returns the result in lowest terms as {returned}."
        )  # fmt: skip
        wrong = (
            step("    top //= divisor\n    bottom //= divisor\n", "    top //= divisor\n"),
            step(
                f"    top = {a}[0] * {b}[1] {op} {b}[0] * {a}[1]\n    bottom = {a}[1] * {b}[1]\n",
                f"    top = {a}[0] {op} {b}[0]\n    bottom = max({a}[1], {b}[1])\n",
            ),
        )
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: ([r.randint(-6, 9), r.randint(1, 9)], [r.randint(-6, 9), r.randint(1, 9)]),
    )  # fmt: skip


def sieve(rng: Random) -> Draft:
    limit, flags, out = names(rng, "limit top bound", "flags alive prime", "out found result")
    function = rng.choice(["primes", "prime_work", "sieve"])
    kind = rng.choice(["list", "twins", "factors"])
    wrong: tuple[Mistake, ...]
    if kind == "factors":
        powers = coin(rng)
        add = f"            {out}.append([divisor, times])\n" if powers else f"            {out}.append(divisor)\n"
        last = f"        {out}.append([{limit}, 1])\n" if powers else f"        {out}.append({limit})\n"
        source = f"""\
def {function}({limit}):
    {out} = []
    divisor = 2
    while divisor * divisor <= {limit}:
        times = 0
        while {limit} % divisor == 0:
            {limit} //= divisor
            times += 1
        if times > 0:
{add}\
        divisor += 1
    if {limit} > 1:
{last}\
    return {out}
"""
        intent = f"`{function}({limit})` returns the different prime factors of a positive integer, ascending, {'each as `[prime, power]`' if powers else 'each once'}; for 1 an empty list."
        wrong = (
            step(f"    if {limit} > 1:\n{last}", ""),
            step(f"        while {limit} % divisor == 0:\n", f"        if {limit} % divisor == 0:\n"),
        )
        return Draft(
            function=function, source=source, intent=intent, mistakes=wrong, draw=lambda r: (r.randint(1, 200),)
        )
    collect = (
        f"    {out} = [number for number in range(2, {limit} + 1) if {flags}[number]]\n    return {out}\n"
        if kind == "list"
        else f"    return [number for number in range(2, {limit} - 1) if {flags}[number] and {flags}[number + 2]]\n"
    )
    source = f"""\
def {function}({limit}):
    if {limit} < 2:
        return []
    {flags} = [True] * ({limit} + 1)
    number = 2
    while number * number <= {limit}:
        if {flags}[number]:
            for multiple in range(number * number, {limit} + 1, number):
                {flags}[multiple] = False
        number += 1
{collect}"""
    intent = (
        f"`{function}({limit})` returns all primes up to `{limit}`, that included, ascending." if kind == "list"
        else f"`{function}({limit})` returns, ascending, all primes p for which p + 2 is also prime and at most `{limit}`."
    )  # fmt: skip
    wrong = (
        step("range(number * number, ", "range(number, "),
        structure(f"[True] * ({limit} + 1)", f"[True] * {limit}"),
        step(
            f"            for multiple in range(number * number, {limit} + 1, number):\n                {flags}[multiple] = False\n",
            f"            {flags}[number * 2] = False\n",
        ),
    )
    return Draft(function=function, source=source, intent=intent, mistakes=wrong, draw=lambda r: (r.randint(0, 60),))


def calendar(rng: Random) -> Draft:
    year, month, day = names(rng, "year y", "month m", "day d")
    function = rng.choice(["day_of_year", "date_number", "calendar_day"])
    back = coin(rng)
    table = "[31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]"
    leap_text = rng.choice(["is_leap", "leap", "has_leap_day"])
    leap = f"""\
def {leap_text}({year}):
    if {year} % 400 == 0:
        return True
    if {year} % 100 == 0:
        return False
    return {year} % 4 == 0


"""
    if coin(rng):
        leap = f"""\
def {leap_text}({year}):
    return {year} % 4 == 0 and ({year} % 100 != 0 or {year} % 400 == 0)


"""
    if back:
        source = leap + f"""\
def {function}({year}, number):
    lengths = {table}
    if {leap_text}({year}):
        lengths[1] += 1
    if number < 1 or number > sum(lengths):
        return None
    {month} = 0
    while number > lengths[{month}]:
        number -= lengths[{month}]
        {month} += 1
    return [{month} + 1, number]
"""  # fmt: skip
        intent = (
            f"`{function}({year}, number)` returns `[month, day]` of the day with that number in the year, the first of January being 1, in the "
            "Gregorian calendar; None if the year has no such day."
        )
    else:
        source = leap + f"""\
def {function}({year}, {month}, {day}):
    lengths = {table}
    if {leap_text}({year}):
        lengths[1] = 29
    if not 1 <= {month} <= 12 or not 1 <= {day} <= lengths[{month} - 1]:
        return -1
    return sum(lengths[: {month} - 1]) + {day}
"""  # fmt: skip
        intent = (
            f"`{function}({year}, {month}, {day})` returns the number of a day in its year, the first of January being 1, in the Gregorian "
            "calendar; -1 if there is no such day."
        )
    wrong = (
        step(f"    if {year} % 100 == 0:\n        return False\n", ""),
        step(f" and ({year} % 100 != 0 or {year} % 400 == 0)", ""),
        step(
            f"    {month} = 0\n    while number > lengths[{month}]:\n        number -= lengths[{month}]\n        {month} += 1\n",
            f"    {month} = number // 31\n    number %= 31\n",
        ),
    )
    years = [1900, 2000, 2023, 2024, 2100, 2028]

    def draw(r: Random) -> Args:
        if back:
            return r.choice(years), r.choice([r.randint(0, 367), r.choice([31, 32, 59, 60, 61, 365, 366])])
        return r.choice(years), r.randint(0 if r.random() < 0.2 else 1, 12), r.choice([1, 15, 28, 29, 30, 31])

    return Draft(function=function, source=source, intent=intent, draw=draw, mistakes=wrong)


def clock(rng: Random) -> Draft:
    text, minutes = names(rng, "text time moment", "minutes total amount")
    function = rng.choice(["add_minutes", "shift_clock", "later"])
    helper = rng.choice(["to_minutes", "parse_time", "minutes_of"])
    twelve = coin(rng)
    days = coin(rng)
    shown = (
        """\
    suffix = "am" if hours < 12 else "pm"
    hours = hours % 12
    if hours == 0:
        hours = 12
    shown = f"{hours}:{rest:02d}{suffix}"
"""
        if twelve
        else """\
    shown = f"{hours:02d}:{rest:02d}"
"""
    )
    source = f"""\
def {helper}({text}):
    hours, rest = {text}.split(":")
    return int(hours) * 60 + int(rest)


def {function}({text}, change):
    {minutes} = {helper}({text}) + change
{f"    days = {minutes} // 1440" + chr(10) if days else ""}\
    {minutes} = {minutes} % 1440
    hours = {minutes} // 60
    rest = {minutes} % 60
{shown}\
    return {"[shown, days]" if days else "shown"}
"""
    form = (
        "as a 12-hour time such as 12:05am (just after midnight) or 1:30pm"
        if twelve
        else "as hh:mm with two digits each"
    )
    intent = (
        f"`{function}({text}, change)` adds a number of minutes, which may be negative, to a 24-hour time hh:mm and returns the time "
        f"of day {form}"
        + (", in a list with the number of midnights passed (negative when going back)." if days else ".")
    )
    wrong = (
        step("    hours = hours % 12\n    if hours == 0:\n        hours = 12\n", "    hours = hours % 12\n"),
        step(f"    {minutes} = {minutes} % 1440\n    hours", "    hours"),
        step("int(hours) * 60 + int(rest)", "int(hours + rest)"),
    )
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: (f"{r.choice([0, 1, 11, 12, 13, 23]):02d}:{r.choice([0, 5, 30, 59]):02d}", r.choice([0, 1, 60, -1, -90, 725, 1440, -1500, 2000])),
    )  # fmt: skip


def change(rng: Random) -> Draft:
    coins, ways, amount = names(rng, "coins values pieces", "ways table best", "amount target price")
    function = rng.choice(["coin_change", "pay", "make_sum"])
    kind = rng.choice(["ways", "fewest", "once", "amounts"])
    wrong: tuple[Mistake, ...]
    if kind == "amounts":
        source = f"""\
def {function}({coins}, {amount}):
    {ways} = {{0}}
    for coin in {coins}:
        {ways} |= {{total + coin for total in {ways} if total + coin <= {amount}}}
    return sorted({ways})
"""
        intent = f"`{function}({coins}, {amount})` returns, ascending, all amounts from 0 up to `{amount}` that can be made from coins of the given values, each usable at most once."
        sums = f"{{total + coin for total in {ways} if total + coin <= {amount}}}"
        wrong = (
            step(sums, f"{{coin for total in {ways} if total + coin <= {amount}}}"),
            structure(f"    {ways} = {{0}}\n", f"    {ways} = set({coins})\n"),
        )
    elif kind == "fewest":
        source = f"""\
def {function}({coins}, {amount}):
    {ways} = [0] + [None] * {amount}
    for total in range(1, {amount} + 1):
        for coin in {coins}:
            if coin > total or {ways}[total - coin] is None:
                continue
            option = {ways}[total - coin] + 1
            if {ways}[total] is None or option < {ways}[total]:
                {ways}[total] = option
    return -1 if {ways}[{amount}] is None else {ways}[{amount}]
"""
        intent = f"`{function}({coins}, {amount})` returns the fewest coins of the given values, each usable any number of times, that make exactly `{amount}`; -1 if that is impossible."
        wrong = (
            step(
                f"            if {ways}[total] is None or option < {ways}[total]:\n                {ways}[total] = option\n",
                f"            {ways}[total] = option\n",
            ),
            step(
                f"            if coin > total or {ways}[total - coin] is None:\n                continue\n",
                f"            if coin != total and {ways}[total - coin] is None:\n                continue\n",
            ),
            structure(f"    {ways} = [0] + [None] * {amount}\n", f"    {ways} = [0] * ({amount} + 1)\n"),
        )
    else:
        once = kind == "once"
        sums = f"range({amount}, coin - 1, -1)" if once else f"range(coin, {amount} + 1)"
        source = f"""\
def {function}({coins}, {amount}):
    {ways} = [1] + [0] * {amount}
    for coin in {coins}:
        for total in {sums}:
            {ways}[total] += {ways}[total - coin]
    return {ways}[{amount}]
"""
        intent = f"`{function}({coins}, {amount})` counts the ways to make exactly `{amount}` from coins of the given positive values, each usable {'at most once' if once else 'any number of times'}; the order of the coins does not matter."
        wrong = (
            step(
                f"for total in {sums}:",
                f"for total in {f'range(coin, {amount} + 1)' if once else f'range({amount}, coin - 1, -1)'}:",
            ),
            step(
                f"    for coin in {coins}:\n        for total in {sums}:\n",
                f"    for total in range(1, {amount} + 1):\n        for coin in [piece for piece in {coins} if piece <= total]:\n",
            ),
        )
    return Draft(
        function=function, source=source, intent=intent, mistakes=wrong,
        draw=lambda r: (sorted(r.sample([1, 2, 3, 4, 5, 7], r.randint(1, 4))), r.randint(0, 14)),
    )  # fmt: skip


FAMILIES = (bisection, bits, digits, fractions, sieve, calendar, clock, change)
