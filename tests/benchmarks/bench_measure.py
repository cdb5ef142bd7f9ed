"""Does `icp-xl measure` tell the truth? Simulated quarters in which reps choose whom to work.

    python tests/benchmarks/bench_measure.py --quarters 200

For each size: how often the 95 % interval of the lift holds the true lift, how far the lift is off on average (with
its error), the same for revenue per account and for what working does, how often a list that does nothing is said to
have worked or to have hurt, and what comparing worked with not worked would have said.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from icp_xl.feedback.measure import measure_list
from tests.support.lists import simulate_quarter

#: Mean revenue of a purchase in the simulation.
MEAN_SALE = float(np.exp(9 + 0.9**2 / 2))


def quarters(count: int, n: int, held: float, effect: float, lists: int = 1, first: int = 0) -> dict[str, float]:
    """Figures over ``count`` quarters of ``n`` accounts."""
    covered, money, gaps, naive, claims = [], [], [], [], []
    truth = float(
        np.mean([simulate_quarter(np.random.default_rng(10**6 + k), 20_000, effect=effect)[1] for k in range(10)])
    )
    for k in range(count):
        pairs, _ = simulate_quarter(np.random.default_rng(first + k), n, held=held, effect=effect, lists=lists)
        found = measure_list(pairs, seed=k)
        whole = found.whole
        covered.append(whole.low <= truth <= whole.high)
        if np.isfinite(whole.revenue_low):
            money.append(whole.revenue_low <= truth * MEAN_SALE <= whole.revenue_high)
        gaps.append(whole.lift - truth)
        claims.append(whole.verdict in ("bought more", "bought less"))
        rate = found.groups.set_index("group")["rate"]
        naive.append(rate["Listed and worked"] - rate["Listed, not worked"])
    return {
        "truth": truth, "coverage": float(np.mean(covered)), "revenue coverage": float(np.mean(money or [np.nan])),
        "revenue told": len(money) / count,
        "bias": float(np.mean(gaps)), "its error": float(np.std(gaps) / np.sqrt(count)),
        "claims": float(np.mean(claims)), "worked less not worked": float(np.mean(naive)),
    }  # fmt: skip


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quarters", type=int, default=200)
    count = parser.parse_args().quarters
    for n, held, effect, lists in ((300, 0.1, 0.8, 1), (600, 0.2, 0.8, 1), (600, 0.2, 0.0, 1), (2000, 0.1, 0.8, 4)):
        found = quarters(count, n, held, effect, lists)
        told = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
        print(f"{n} accounts, {held:.0%} held out, effect {effect}, {lists} lists: {told}")


if __name__ == "__main__":
    main()
