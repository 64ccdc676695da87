"""Visible tests: python3 -S check.py"""
import _signal
import sys

MODULE = 'huffman'
FUNCTION = 'code_lengths'
CPU_S = 1.0
CASES = [  # arguments, expected, tolerance
    (['aaaabbc'], {'c': 2, 'b': 2, 'a': 1}, 0.0),
    (['ab'], {'a': 1, 'b': 1}, 0.0),
    (['zzz'], {'z': 1}, 0.0),
    ([''], {}, 0.0),
    (['aaaaaaaabbbbccd'], {'d': 3, 'c': 3, 'b': 2, 'a': 1}, 0.0),
    (['abcd'], {'a': 2, 'b': 2, 'c': 2, 'd': 2}, 0.0),
]


class TimedOut(BaseException):
    pass


def out_of_time(signum, frame):
    raise TimedOut


def plain(value):
    if type(value) in (list, tuple):
        return [plain(item) for item in value]
    if type(value) is dict:
        return {key: plain(item) for key, item in value.items()}
    if hasattr(value, "__next__"):
        return [plain(item) for item in value]
    return value


def same(got, want, tolerance):
    if type(got) is list and type(want) is list:
        return len(got) == len(want) and all(same(g, w, tolerance) for g, w in zip(got, want))
    if type(got) is dict and type(want) is dict:
        return got.keys() == want.keys() and all(same(got[key], want[key], tolerance) for key in want)
    if tolerance and type(got) in (int, float) and type(want) in (int, float):
        return -tolerance <= got - want <= tolerance if abs(got) < 1e300 else False
    return type(got) is type(want) and got == want


def show(value):
    if type(value) is list:
        return "[" + ", ".join(map(show, value)) + "]"
    if type(value) is dict:
        return "{" + ", ".join(repr(key) + ": " + show(item) for key, item in value.items()) + "}"
    if value is None or type(value) in (bool, int, float, str):
        return repr(value)
    return "<" + type(value).__name__ + ">"


def cut(text):
    return text if len(text) <= 300 else text[:297] + "..."


def where(error):
    places = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        places.append((code.co_filename.rpartition("/")[2], trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    for name, line, function in [place for place in places if place[0] != "check.py"][-3:]:
        print('  File "%s", line %s, in %s' % (name, line, function))
        try:
            with open(name) as source:
                print("    " + source.read().splitlines()[line - 1].strip())
        except (OSError, IndexError):
            pass


def described(error):
    return cut((type(error).__name__ + ": " + str(error)).splitlines()[0])


def load():
    sys.dont_write_bytecode = True
    try:
        return getattr(__import__(MODULE), FUNCTION)
    except SyntaxError as error:
        print('  File "%s", line %s' % ((error.filename or "?").rpartition("/")[2], error.lineno))
        print("FAIL import: " + described(error))
    except Exception as error:
        where(error)
        print("FAIL import: " + described(error))


def attempt(function, arguments):
    _signal.setitimer(_signal.ITIMER_VIRTUAL, CPU_S, CPU_S)
    try:
        got = plain(function(*arguments))
    except TimedOut:
        return None, "timed out"
    except Exception as error:
        _signal.setitimer(_signal.ITIMER_VIRTUAL, 0)
        where(error)
        return None, "raised " + described(error)
    finally:
        _signal.setitimer(_signal.ITIMER_VIRTUAL, 0)
    return got, ""


def main():
    _signal.signal(_signal.SIGVTALRM, out_of_time)
    function = load()
    passed = 0
    for arguments, want, tolerance in CASES if function else ():
        call = FUNCTION + "(" + cut(", ".join(map(show, arguments))) + ")"
        got, trouble = attempt(function, arguments)
        if not trouble and same(got, want, tolerance):
            passed += 1
        else:
            print("FAIL %s: expected %s, %s" % (call, cut(show(want)), trouble or "got " + cut(show(got))), flush=True)
    print("%d of %d passed" % (passed, len(CASES)))
    return 0 if passed == len(CASES) else 1


if __name__ == "__main__":
    sys.exit(main())
