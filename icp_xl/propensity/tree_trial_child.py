"""Run by :mod:`icp_xl.propensity.tree_trial`, in a process of its own: try whether LightGBM survives tree files.

Takes a JSON list of (text, number of features) from standard input; the exit code is 0 when every text is sound.
"""

from __future__ import annotations

import json
import sys


def main(library: str, memory: str) -> int:
    """Load every text, and predict and explain a few rows with it."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        # A text that is parsed for ever is given up sooner than the clock says, which a busy computer needs.
        resource.setrlimit(resource.RLIMIT_CPU, (15, 20))
    except (ImportError, ValueError, OSError):
        pass  # Windows has no such limit; there the time limit of the caller must do.
    sys.path.append(library)
    import lightgbm
    import numpy as np

    for text, features in json.load(sys.stdin.buffer):
        booster = lightgbm.Booster(model_str=text)
        if booster.num_feature() != features:
            return 1
        rows = np.vstack([np.full(features, value) for value in (0.0, 1.0, -1e9, 1e9, np.nan)])
        raw = np.asarray(booster.predict(rows, raw_score=True, num_threads=1))
        terms = np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))
        if not np.isfinite(raw).all() or terms.shape != (len(rows), features + 1) or not np.isfinite(terms).all():
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
