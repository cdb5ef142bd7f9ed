"""What ``score_model.json`` holds.

Schema 2 has a list of components, each with its declaration, shape and constants. Schema 1 is older and flat; it is
still written for the components of the equipment trade, so that whoever reads those files goes on doing so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from icp_xl import artifacts
from icp_xl.components.fitted import FittedComponent
from icp_xl.components.presets import EQUIPMENT
from icp_xl.components.shapes import LogSum, Lookup, Tiers

if TYPE_CHECKING:
    from icp_xl.scoring.model import ScoreModel

#: Components that schema 1 knows.
FLAT = ("vertical", "size", "adoption", "relationship")
_SHARED = (
    "weights", "grade_shares", "segment_mid_market", "segment_large", "knots", "population", "run_id", "fitted_at",
)  # fmt: skip


def to_body(model: ScoreModel) -> dict[str, Any]:
    """The model as JSON."""
    body = {name: getattr(model, name) for name in _SHARED}
    flat = _flat(model)
    if flat is not None:
        return {**body, **flat, "schema": 1}
    return {
        **body,
        "preset": model.preset,
        "components": [part.to_json() for part in model.parts],
        "schema": artifacts.SCORE_MODEL.version,
    }


def from_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the model out of its JSON.

    Raises:
        KeyError, TypeError, ValueError: it is damaged.
    """
    shared = {name: body[name] for name in _SHARED if name in body}
    if body["schema"] == 1:
        parts, preset = _parts(body), "equipment"
    else:
        parts, preset = tuple(FittedComponent.from_json(item) for item in body["components"]), body["preset"]
    # JSON keeps names sorted; weights stand in the order of the components.
    given = dict(shared["weights"])
    weights = {part.name: given.pop(part.name) for part in parts}
    return {**shared, "weights": weights | given, "parts": parts, "preset": preset}


def _flat(model: ScoreModel) -> dict[str, Any] | None:
    """The constants under the names of schema 1; ``None`` where the components are others."""
    shapes = [part.shape for part in model.parts]
    match shapes:
        case [Lookup() as vertical, Tiers() as size, LogSum() as adoption, LogSum() as relationship]:
            flat = {
                "industry_weights": vertical.table,
                "industry_prior": vertical.prior,
                "size_from": size.starts,
                "size_scores": size.scores,
                "size_missing": size.missing,
                "printers_scale": adoption.tops[0],
                "consumable_scale": adoption.tops[-1],
                "printer_share": adoption.shares[0],
                "software_scale": relationship.tops[0],
            }
            return flat if _parts(flat) == model.parts else None
    return None


def _parts(flat: Mapping[str, Any]) -> tuple[FittedComponent, ...]:
    """The components of the equipment trade out of the constants of schema 1."""
    vertical, size, adoption, relationship = (item for item in EQUIPMENT if item.name in FLAT)
    starts, scores, share = list(flat["size_from"]), list(flat["size_scores"]), flat["printer_share"]
    return (
        FittedComponent(vertical, Lookup(dict(flat["industry_weights"]), flat["industry_prior"])),
        FittedComponent(
            replace(size, tiers=tuple(zip(starts, scores, strict=True)), missing=flat["size_missing"]),
            Tiers(starts, scores, flat["size_missing"]),
        ),
        FittedComponent(
            replace(adoption, shares=(share, 1.0 - share)),
            LogSum([flat["printers_scale"], flat["consumable_scale"]], [share, 1.0 - share]),
        ),
        FittedComponent(relationship, LogSum([flat["software_scale"]], [1.0])),
    )
