"""What ``optimized_weights.json`` holds; ``icp_xl.scoring.weights`` reads it."""

from __future__ import annotations

from typing import Any

from icp_xl.columns import GRADES
from icp_xl.config import Settings
from icp_xl.scoring.weights import SCHEMA
from icp_xl.weight_search.bootstrap import BootstrapInterval
from icp_xl.weight_search.search import OptimizeResult


def weights_body(result: OptimizeResult, settings: Settings, *, timestamp: str, input_hash: str) -> dict[str, Any]:
    """The file's content, ready for canonical JSON.

    ``weights`` is always the optimum. ``adopted`` says whether scoring takes it; if not, it takes
    ``recommended_weights``, the weights in force before the run.

    Args:
        result: what the search found.
        settings: resolved settings of the run.
        timestamp: when, as ISO 8601.
        input_hash: hash of the scored accounts that it ran on.
    """
    adopted = result.verdict.change or settings.optimize.adopt == "always"
    names = result.problem.names
    best = dict(zip(names, result.weights, strict=True))
    current = dict(result.problem.current)
    noise = result.bootstrap
    return {
        "schema": SCHEMA,
        "weights": best,
        "adopted": adopted,
        "recommended_weights": best if adopted else current,
        "previous_weights": current,
        "recommendation": result.verdict.text,
        "n_trials": len(result.study.outcomes),
        "n_complete_trials": result.study.pool_size,
        "best_value": result.objective,
        "lambda_param": result.problem.lambda_,
        "include_size": settings.optimize.include_size,
        "bounds": {"minimum": settings.optimize.minimum, "maximum": settings.optimize.maximum},
        "seed": result.problem.seed,
        "timestamp": timestamp,
        "study_name": result.study.name,
        "engaged_accounts": result.problem.n_engaged,
        "accounts": len(result.problem.scores),
        "correlation": result.value.rho,
        "correlation_interval": _ends(noise.correlation["best"]),
        "kl_divergence": result.value.kl,
        "gain": {
            "objective": result.verdict.gain,
            "interval": _ends(noise.gain["current"]),
            "needed": result.verdict.threshold,
        },
        "weight_intervals": {name: _ends(noise.weights[i]) for i, name in enumerate(names)},
        "regions": {
            region.name: {
                "tolerance": region.tolerance,
                **{name: [region.low[i], region.high[i]] for i, name in enumerate(names)},
            }
            for region in result.regions
        },
        "grade_mix": {
            name: dict(zip(GRADES, [float(share) for share in mix], strict=True)) for name, mix in result.mixes.items()
        },
        "forward": _forward(result),
        "confidence": settings.optimize.confidence,
        "input_hash": input_hash,
    }


def _forward(result: OptimizeResult) -> dict[str, Any]:
    check = result.forward
    if check.status:
        return {"status": check.status}
    return {
        "status": "measured",
        "day": check.day.isoformat() if check.day else None,
        "accounts": check.accounts,
        "in_sample_correlation": check.in_sample["best"].estimate,
        "correlation": check.forward["best"].estimate,
        "interval": _ends(check.forward["best"]),
        "in_sample_flatters": check.flatters,
    }


def _ends(interval: BootstrapInterval) -> list[float]:
    return [interval.low, interval.high]
