def common_table(old, new):
    table = [[0] * (len(new) + 1)] * (len(old) + 1)
    for i in range(len(old) - 1, -1, -1):
        for j in range(len(new) - 1, -1, -1):
            if old[i] == new[j]:
                table[i][j] = table[i + 1][j + 1] + 1
            else:
                table[i][j] = max(table[i + 1][j], table[i][j + 1])
    return table


def line_diff(old, new):
    table = common_table(old, new)
    result = []
    i = 0
    j = 0
    while i < len(old) and j < len(new):
        if old[i] == new[j]:
            result.append("  " + old[i])
            i += 1
            j += 1
        elif table[i + 1][j] >= table[i][j + 1]:
            result.append("- " + old[i])
            i += 1
        else:
            result.append("+ " + new[j])
            j += 1
    for line in new[j:]:
        result.append("+ " + line)
    return result
