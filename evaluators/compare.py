"""Whether a returned value is the expected one, by exact built-in types."""

from evaluators.base import Json


def same(got: Json, expected: Json, *, tolerance: float = 0.0) -> bool:
    """Equal and of equal types, all the way down: True is not 1, and 1 is not 1.0.

    With a tolerance, two numbers (no booleans) are the same if they differ by at most that much.
    """
    if type(got) is list and type(expected) is list:
        return len(got) == len(expected) and all(
            same(one, other, tolerance=tolerance) for one, other in zip(got, expected, strict=True)
        )
    if type(got) is dict and type(expected) is dict:
        return got.keys() == expected.keys() and all(
            same(got[key], expected[key], tolerance=tolerance) for key in expected
        )
    if tolerance and type(got) in (int, float) and type(expected) in (int, float):
        return _near(got, expected, tolerance)
    return type(got) is type(expected) and bool(got == expected)


def _near(got: float, expected: float, tolerance: float) -> bool:
    try:
        return abs(got - expected) <= tolerance
    except OverflowError:  # an integer beyond every float
        return False
