NEAR = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]


def mines_near(board, row, column):
    total = 0
    for down, right in NEAR:
        y, x = row + down, column + right
        if 0 <= y < len(board) and 0 <= x < len(board[0]) and board[y][x] == "*":
            total += 1
    return total


def uncover(board, row, column):
    shown = [["?"] * len(line) for line in board]
    if board[row][column] == "*":
        shown[row][column] = "*"
        return ["".join(line) for line in shown]
    waiting = [(row, column)]
    while waiting:
        y, x = waiting.pop()
        if shown[y][x] != "?":
            continue
        count = mines_near(board, y, x)
        shown[y][x] = str(count)
        for down, right in NEAR:
            if 0 <= y + down < len(board) and 0 <= x + right < len(board[0]) and count == 0:
                shown[y + down][x + right] = str(mines_near(board, y + down, x + right))
    return ["".join(line) for line in shown]
