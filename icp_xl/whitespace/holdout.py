"""A random share of accounts held out of the list, so that what the list brings can be measured later.

Accounts are drawn, not pairs: whoever calls about one division speaks of the others too. The draw hangs on the seed
and the account id alone, so the same accounts stay held out from run to run.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any

import numpy as np

from icp_xl.whitespace.model import Bools

#: Lift in the share that buys which the measurement is planned for.
PLANNED_LIFT = 0.20
_ALPHA, _POWER = 0.05, 0.80


def draw_holdout(accounts: Sequence[str], share: float, seed: int) -> Bools:
    """Whether each account is held out.

    >>> draw_holdout(["a", "b"], 0.0, 1).any()
    np.False_
    """
    if share <= 0.0:
        return np.zeros(len(accounts), dtype=bool)
    key = str(seed).encode()
    limit = int(share * 2**64)
    out = np.zeros(len(accounts), dtype=bool)
    for i, account in enumerate(accounts):
        text = account.encode("utf-8", "surrogatepass")
        out[i] = int.from_bytes(hashlib.blake2b(text, digest_size=8, key=key).digest(), "big") < limit
    return out


def sample_size(base: float, lift: float, share: float) -> tuple[int, int]:
    """Accounts needed (worked, held out) to see ``base`` rise by ``lift`` (relative), and no more than chance.

    Two proportions, two-sided at 5 %, power 80 %; ``share`` of the accounts are held out (Fleiss, Levin and Paik,
    *Statistical Methods for Rates and Proportions*, 3rd ed., section 4.4).

    >>> sample_size(0.10, 0.20, 0.5)
    (3841, 3841)
    """
    raised = min(base * (1.0 + lift), 1.0 - 1e-9)
    base = min(max(base, 1e-9), 1.0 - 1e-9)
    z_alpha, z_power = NormalDist().inv_cdf(1.0 - _ALPHA / 2.0), NormalDist().inv_cdf(_POWER)
    ratio = (1.0 - share) / share
    pooled = (base + ratio * raised) / (1.0 + ratio)
    top = z_alpha * math.sqrt((1.0 + 1.0 / ratio) * pooled * (1.0 - pooled)) + z_power * math.sqrt(
        base * (1.0 - base) + raised * (1.0 - raised) / ratio
    )
    held = math.ceil((top / (raised - base)) ** 2 - 1e-9) if raised > base else 0
    return math.ceil(held * ratio - 1e-9), held


def plan_holdout(p: Sequence[float], worked: int, held: int, share: float) -> dict[str, Any]:
    """What the holdout can show: sizes now, sizes needed for a lift of 20 %, and the smallest lift visible now.

    Args:
        p: chances of the pairs that are selected, held out or not.
        worked: accounts that are worked.
        held: accounts that are held out.
        share: of the accounts to hold out, 0 to 1.
    """
    base = float(np.mean(p)) if len(p) else 0.0
    body: dict[str, Any] = {"share": share, "accounts_worked": worked, "accounts_held_out": held, "expected_rate": base}
    if share <= 0.0 or not 0.0 < base < 1.0:
        return body
    need_worked, need_held = sample_size(base, PLANNED_LIFT, share)
    body |= {"planned_lift": PLANNED_LIFT, "needed_worked": need_worked, "needed_held_out": need_held}
    low, high = 0.0, (1.0 - base) / base
    if held and sample_size(base, high * 0.999, share)[1] <= held:
        for _ in range(60):
            middle = (low + high) / 2.0
            low, high = (low, middle) if sample_size(base, middle, share)[1] <= held else (middle, high)
        body["visible_lift"] = high
    return body
