def column_name(number):
    """The name of a spreadsheet column, counted from 1."""
    name = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("A") + rest) + name
    return name


def column_number(name):
    number = 0
    for letter in name:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def shift_cell(cell, right, down):
    letters = cell.rstrip("0123456789")
    row = int(cell[len(letters) :]) + down
    column = column_number(letters) + right
    if row < 1 or column < 1:
        return None
    return column_name(column) + str(row)
