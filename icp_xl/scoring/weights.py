"""Read the weights that scoring uses: the optimised ones where their file is sound, else the settings' own.

The file is written by the weight optimisation and by the feedback loop. Scoring reads it and never imports either.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from icp_xl import artifacts
from icp_xl.components.presets import EQUIPMENT
from icp_xl.components.record import Component
from icp_xl.config import Settings
from icp_xl.config.optimize import usual_bounds
from icp_xl.errors import ConfigError

WEIGHTS_FILE = artifacts.OPTIMIZED_WEIGHTS.name
#: Version of the file's layout. 1 had the weights under names such as ``vertical_score``; older ones had no version.
SCHEMA = artifacts.OPTIMIZED_WEIGHTS.version
#: Weights in a file may miss the sum of 1 by this much (older files kept two or three decimals) and are rescaled.
SUM_TOLERANCE = 0.05
RULE_TOLERANCE = 1e-6


def usual_weights(settings: Settings, components: Sequence[Component]) -> dict[str, float]:
    """Weights of ``components`` before any optimisation.

    Raises:
        ConfigError: the settings' weights are those of other components.
    """
    try:
        return settings.scoring.default_weights(tuple(components))
    except ValueError as error:
        raise ConfigError(
            "the weights do not fit the components", where="scoring.weights", got=str(error),
            next_step="Correct them, or name the components that they are for: scoring.preset.",
        ) from None  # fmt: skip


def load_weights(
    path: Path, settings: Settings, usual: Mapping[str, float] | None = None
) -> tuple[dict[str, float], str, list[str]]:
    """Return the weights for scoring, where they come from in words, and what to warn of.

    ``usual`` are the weights of the settings, by component: what is used where the file cannot be; by default those of
    the equipment trade.

    A file that is missing, damaged or breaks the rules of ``settings.optimize`` (bounds, maximum, sum) never stops
    a run: the ``usual`` weights are used, and a warning says so. When the file says that no change is
    recommended, the weights that it recommends to keep are used.
    """
    fallback = usual_weights(settings, EQUIPMENT) if usual is None else dict(usual)
    if not settings.scoring.use_optimized_weights:
        return fallback, "settings (optimised weights are switched off)", []
    try:
        body = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        return _fall_back(fallback, path, "was not found", "`icp-xl optimize` makes it")
    except OSError as error:
        return _fall_back(fallback, path, f"cannot be read ({error.strerror})", "check its permissions")
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
        return _fall_back(fallback, path, "is damaged (no valid JSON)", "run `icp-xl optimize` again")
    try:
        weights = read_weights(body, settings, list(fallback))
    except ValueError as error:
        return _fall_back(fallback, path, f"cannot be used: {error}", "run `icp-xl optimize` again")
    return weights, _source(path, body), []


def read_weights(body: object, settings: Settings, names: Sequence[str] | None = None) -> dict[str, float]:
    """Weights of the components ``names`` out of the content of a weights file of any schema.

    By default they are those of the equipment trade.

    Raises:
        ValueError: no weights are in it, or they break a rule; the text says which.
    """
    if not isinstance(body, Mapping):
        raise ValueError("it holds no object")
    schema = body.get("schema", 0)
    if isinstance(schema, bool) or not isinstance(schema, int) or not 0 <= schema <= SCHEMA:
        raise ValueError(f"its schema is {schema!r}, this version reads 0 to {SCHEMA}")
    names = [item.name for item in EQUIPMENT] if names is None else names
    found = _named(body, names)
    if body.get("adopted") is False and isinstance(body.get("recommended_weights"), Mapping):
        # The optimum was within noise of the weights before it, which need not obey the search's bounds.
        return _checked(_pick(body["recommended_weights"], names), {}, include_size=None)
    include_size = bool(body.get("include_size", found.get("size", 1.0) > 0.0))
    return _checked(found, _bounds(settings, names, include_size), include_size=include_size)


def _bounds(settings: Settings, names: Sequence[str], include_size: bool) -> dict[str, tuple[float, float]]:
    """Least and greatest weight that the search may give each component."""
    low, high = usual_bounds(settings.optimize, sum(include_size or name != "size" for name in names))
    own = settings.scoring.components
    bounds = {}
    for name in names:
        least, most = (own[name].minimum, own[name].maximum) if name in own else (None, None)
        bounds[name] = (low if least is None else least, high if most is None else most)
    return bounds


def _named(body: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    for key in ("weights", "optimized_weights", "best_weights"):
        if isinstance(body.get(key), Mapping):
            return _pick(body[key], names)
    return _pick(body, names)


def _pick(group: Mapping[str, Any], names: Sequence[str]) -> dict[str, float]:
    found = {}
    for name in names:
        spellings = (name, f"{name}_score", f"{name}_weight", f"w_{name}", f"weight_{name}")
        value = next((group[key] for key in spellings if key in group), None)
        if value is None and name == "size":
            value = 0.0  # files of studies without the size component may leave it out
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"the weight {name} is {'missing' if value is None else 'no number'}")
        found[name] = float(value)
    return found


def _checked(
    found: dict[str, float], bounds: Mapping[str, tuple[float, float]], *, include_size: bool | None
) -> dict[str, float]:
    total = math.fsum(found.values())
    if abs(total - 1.0) > SUM_TOLERANCE:
        raise ValueError(f"its weights sum to {total:g}, not 1")
    if abs(total - 1.0) > 1e-9:
        found = {name: value / total for name, value in found.items()}
    for name, value in found.items():
        if name == "size" and include_size is False:
            if value != 0.0:
                raise ValueError("the size component is switched off, but has a weight")
            continue
        minimum, maximum = bounds.get(name, (0.0, 1.0))
        if not minimum - RULE_TOLERANCE <= value <= maximum + RULE_TOLERANCE:
            raise ValueError(f"the weight {name} is {value:.4f}, allowed is {minimum:g} to {maximum:g}")
    return found


def _source(path: Path, body: Mapping[str, Any]) -> str:
    stamp = str(body.get("timestamp") or "").split("T")[0]
    text = path.name + (f" of {stamp}" if stamp else "")
    return text + (" (no change was recommended)" if body.get("adopted") is False else "")


def _fall_back(
    weights: dict[str, float], path: Path, problem: str, remedy: str
) -> tuple[dict[str, float], str, list[str]]:
    text = f"{path.name} {problem}; the default weights of the settings are used. To change that, {remedy}."
    return weights, "settings (default weights)", [text]
