from middle import middle


def test_odd():
    assert middle([3, 1, 2]) == 2


def test_even():
    assert middle([2, 2, 9, 9]) == 5.5
