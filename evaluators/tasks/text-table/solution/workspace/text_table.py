def widths_of(rows):
    widths = []
    for row in rows:
        for place, cell in enumerate(row):
            if place == len(widths):
                widths.append(0)
            widths[place] = max(widths[place], len(str(cell)))
    return widths


def text_table(rows):
    widths = widths_of(rows)
    lines = []
    for row in rows:
        cells = []
        for place, width in enumerate(widths):
            cell = row[place] if place < len(row) else ""
            if isinstance(cell, int):
                cells.append(str(cell).rjust(width))
            else:
                cells.append(cell.ljust(width))
        lines.append(" | ".join(cells).rstrip())
    return lines
