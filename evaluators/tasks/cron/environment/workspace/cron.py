def numbers_of(field, low, high):
    """The numbers that one field of a schedule stands for."""
    found = set()
    for part in field.split(","):
        step = 1
        if "/" in part:
            part, text = part.split("/")
            step = int(text)
        if part == "*":
            first, last = low, high
        else:
            first = last = int(part)
        for number in range(low, last + 1, step):
            if low <= number <= high:
                found.add(number)
    return found


def is_due(schedule, minute, hour, weekday):
    minutes, hours, weekdays = schedule.split()
    if minute not in numbers_of(minutes, 0, 59):
        return False
    if hour not in numbers_of(hours, 0, 23):
        return False
    return weekday in numbers_of(weekdays, 1, 7)
