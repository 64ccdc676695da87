def swap_in_pivot(rows, column):
    """Bring a row with a non-zero entry to the diagonal; -1 if rows were exchanged, 1 if not, 0 if there is none."""
    for candidate in range(column, len(rows)):
        if rows[candidate][column] != 0:
            if candidate == column:
                return 1
            rows[column], rows[candidate] = rows[candidate], rows[column]
            return -1
    return 0


def determinant(matrix):
    rows = [list(row) for row in matrix]
    sign = 1
    previous = 1
    for column in range(len(rows) - 1):
        turn = swap_in_pivot(rows, column)
        if turn == 0:
            return 0
        pivot = rows[column][column]
        for row in range(column + 1, len(rows)):
            for place in range(column + 1, len(rows)):
                cross = rows[row][place] * pivot - rows[row][column] * rows[column][place]
                rows[row][place] = cross // previous
        previous = sign
    return sign * rows[-1][-1]
