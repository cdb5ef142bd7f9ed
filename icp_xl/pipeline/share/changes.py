"""What has changed in who gets which accounts since the last time: figures for a warning before anything is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Set

from icp_xl.formatting import join_words
from icp_xl.formatting import plural as say_count

#: Lines said; more are counted.
MOST = 20
#: Share of a reader's accounts that one who is new must have for the two to be asked about as one.
_SAME = 0.8


def who_gets_what_now(by: str, before: Mapping[str, Set[str]], now: Mapping[str, Set[str]]) -> list[str]:
    """Readers who are gone, new or back, and accounts that moved; nothing where nothing changed.

    Args:
        by: what readers are, ``rep`` or ``region``.
        before: account ids of every reader there has been; none for one who was gone already.
        now: account ids of the readers of this run.

    >>> who_gets_what_now("rep", {"Ann": {"1", "2"}, "Bob": {"3"}}, {"Ann": {"1"}, "Bob": {"2", "3"}})
    ['1 account moved from Ann to Bob.']
    """
    lines = list(_lines(by, before, now))
    return lines if len(lines) <= MOST else [*lines[:MOST], f"and {len(lines) - MOST:,} more changes of that kind."]


def _lines(by: str, before: Mapping[str, Set[str]], now: Mapping[str, Set[str]]) -> Iterator[str]:
    owner = {account: name for name, ids in now.items() for account in ids}
    told: set[str] = set()
    moved: Counter[tuple[str, str]] = Counter()
    for name, ids in sorted(before.items()):
        went = Counter(owner[account] for account in ids if owner.get(account, name) != name)
        if not ids or name in now:
            moved.update({(name, to): n for to, n in went.items()})
            continue
        shares = [f"{n:,} with {to}" for to, n in went.most_common()]
        lost = len(ids) - sum(went.values())
        words = join_words([*shares, *([f"{lost:,} with nobody"] if lost else [])])
        yield f"{by} {name} gets nothing any more; of {say_count(len(ids), 'account')} now {words}."
        to, most = went.most_common(1)[0] if went else ("", 0)
        if to and not before.get(to) and most >= _SAME * len(ids):
            told.add(to)
            yield (
                f"{to} may be {name} under another name ({most:,} of {len(ids):,} accounts): a file, a key and a "
                "password of his own go with each name."
            )
        elif to and most >= _SAME * len(ids):
            yield f"{to} has taken over from {name}."
    for (name, to), n in sorted(moved.items()):
        yield f"{say_count(n, 'account')} moved from {name} to {to}."
    for name, ids in sorted(now.items()):
        if name in before and not before[name]:
            yield f"{name} is back, with {say_count(len(ids), 'account')}, under the key and file name of before."
        elif name not in before and name not in told:
            yield f"{name} is new, with {say_count(len(ids), 'account')}."
