"""The signals that rank whitespace, each declared once.

Their weights and help in the settings, the blend, the challenger, the files' columns, the log and the reports read
:data:`SIGNALS` and know neither how many there are nor what they are called. A new signal that a feature set holds is
one record here; one that must be computed first also needs its column in :mod:`icp_xl.whitespace.signals`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    # The settings read this module, and the help of the command line the settings: it must load at once.
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]


def _as_it_is(values: Floats, _: Floats) -> Floats:
    return values


def _share_of_owners(lift: Floats, base_rate: Floats) -> Floats:
    """Of those who own the same codes, the share that owns the division."""
    import numpy as np

    return np.minimum(lift * base_rate, 1.0)


def _cosine(values: Floats, _: Floats) -> Floats:
    return (1.0 + values) / 2.0


def _against_the_largest(values: Floats, _: Floats) -> Floats:
    import numpy as np

    top = float(np.nanmax(values)) if np.isfinite(values).any() else 0.0
    return values / top if top > 0.0 else np.zeros_like(values)


@dataclass(frozen=True)
class Signal:
    """One signal.

    Attributes:
        name: its word in the settings, the log and the metrics.
        column: where its values stand in the pairs; larger speaks for a pair, NaN means not known.
        stem: of its columns in files: ``<stem>_norm`` between 0 and 1, ``<stem>_part`` its part of the score.
        weight: by default, before all weights are made to sum to 1.
        setting: what the setting's help calls it.
        phrase: what a message calls it.
        title: its name on a sheet; ``meaning``: the sentence beside it.
        natural: its values, and the share of owners of each row's division, to a scale of 0 to 1 on which products
            make sense; may go beyond, what does is cut. ``in_sql`` is the same in SQL, before the cut:
            ``{x}`` the value, ``{base}`` the share of owners, ``{top}`` the largest value.
        floor: the least it counts where signals are multiplied. Sums of money differ by more than chances do, and
            keep their differences down to a ten-thousandth of the largest.
        features: columns of the feature sets that it is made of.
        sparse: whether it may cover few pairs, which is then said.
        listed: whether the list shows its normalised column.
    """

    name: str
    column: str
    stem: str
    weight: float
    setting: str
    phrase: str
    title: str
    meaning: str
    natural: Callable[[Floats, Floats], Floats] = _as_it_is
    in_sql: str = "{x}"
    floor: float = 0.01
    features: tuple[str, ...] = ()
    sparse: bool = False
    listed: bool = True

    @property
    def normalised(self) -> str:
        """The column of its values between 0 and 1."""
        return f"{self.stem}_norm"

    @property
    def part(self) -> str:
        """The column of what it adds to the score."""
        return f"{self.stem}_part"


#: In the order of their weights. The first is there for every pair; it decides alone where no other weight is left.
SIGNALS = (
    Signal(
        "p_icp", "p_icp", "p", 0.60, "probability", "the chance to buy", "Chance to buy",
        "The model's calibrated probability.", listed=False,
    ),
    Signal(
        "affinity", "affinity", "lift", 0.20, "affinity", "market-basket affinity", "Market basket",
        "What the account has, against what owners of the division have.",
        natural=_share_of_owners, in_sql="{x} * {base}", features=("mb_lift_max", "mb_lift_mean"), sparse=True,
    ),
    Signal(
        "als", "als_similarity", "als", 0.10, "ALS similarity", "likeness to owners", "Likeness to owners",
        "How close its purchases are to those of the division's owners.",
        natural=_cosine, in_sql="(1e0 + {x}) / 2e0", features=("als_similarity",), sparse=True,
    ),
    Signal(
        "expected_value", "expected_value", "EV", 0.10, "expected value", "expected value", "Expected value",
        "Chance times what it brings if it buys: its own sums and those of its likes.",
        natural=_against_the_largest, in_sql="{x} / {top}", floor=0.0001,
    ),
)  # fmt: skip
#: Columns of the normalised signals, and of their parts of the score.
NORMALISED = tuple(signal.normalised for signal in SIGNALS)
PARTS = tuple(signal.part for signal in SIGNALS)
#: Columns of the feature sets that signals are made of.
FEATURES = tuple(name for signal in SIGNALS for name in signal.features)
_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
#: How many signals there are, in words.
COUNT = _WORDS[len(SIGNALS)] if len(SIGNALS) < len(_WORDS) else str(len(SIGNALS))
#: How weights are written on the command line.
EXAMPLE = ",".join(f"{signal.weight:g}" for signal in SIGNALS)


def name_signals() -> str:
    """All signals as the help of a setting names them.

    >>> name_signals()
    'probability, affinity, ALS similarity and expected value'
    """
    *first, last = (signal.setting for signal in SIGNALS)
    return f"{', '.join(first)} and {last}"
