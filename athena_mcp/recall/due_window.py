"""The time that a question about due tasks names: today, next week, January 2027. Pure; days are those of UTC."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}
_YEARS = range(2000, 2200)
_ALSO = frozenset({"march", "may"})
_IN = frozenset({"in", "by", "of", "for", "until", "before"})


@dataclass(frozen=True, slots=True)
class DueWindow:
    """From when until when tasks are to be due, the end excluded; None where there is no such bound."""

    since: datetime | None = None
    until: datetime | None = None
    words: frozenset[str] = frozenset()
    """The words of the question that say so."""


def due_window(words: Sequence[str], now: datetime) -> DueWindow:
    """What the words of a question say of when tasks are due. What is overdue belongs to the present day, week and
    month, not to a later one.
    """
    given = frozenset(words)
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if "overdue" in given:
        return DueWindow(until=now, words=frozenset({"overdue"}))
    if "today" in given:
        return DueWindow(until=today + timedelta(days=1), words=frozenset({"today"}))
    if "tomorrow" in given:
        return DueWindow(today + timedelta(days=1), today + timedelta(days=2), frozenset({"tomorrow"}))
    if "week" in given:
        monday = today + timedelta(days=7 - today.weekday())
        if "next" in given:
            return DueWindow(monday, monday + timedelta(days=7), frozenset({"week", "next"}))
        return DueWindow(until=monday, words=frozenset({"week"}))
    if "month" in given:
        following = _month_after(today.replace(day=1))
        if "next" in given:
            return DueWindow(following, _month_after(following), frozenset({"month", "next"}))
        return DueWindow(until=following, words=frozenset({"month"}))
    return _named_month(words, today)


def _named_month(words: Sequence[str], today: datetime) -> DueWindow:
    # Two of the months are words of another meaning, too.
    month = next(
        (word for before, word in pairwise(("", *words)) if word in _MONTHS and (word not in _ALSO or before in _IN)),
        None,
    )
    if month is None:
        return DueWindow()
    year = next((word for word in words if word.isascii() and word.isdigit() and int(word) in _YEARS), None)
    first = today.replace(month=_MONTHS[month], day=1)
    if year is not None:
        first = first.replace(year=int(year))
    elif _month_after(first) <= today:
        first = first.replace(year=first.year + 1)
    return DueWindow(first, _month_after(first), frozenset({month} if year is None else {month, year}))


def _month_after(first: datetime) -> datetime:
    return (first + timedelta(days=31)).replace(day=1)
