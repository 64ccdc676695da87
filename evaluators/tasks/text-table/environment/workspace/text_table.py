def widths_of(rows):
    widths = []
    for row in rows:
        for place, cell in enumerate(row):
            if place >= len(widths):
                widths.append(len(str(cell)))
    return widths


def text_table(rows):
    widths = widths_of(rows)
    lines = []
    for row in rows:
        cells = []
        for place, width in enumerate(widths):
            cells.append(str(row[place]).ljust(width))
        lines.append(" | ".join(cells).rstrip())
    return lines
