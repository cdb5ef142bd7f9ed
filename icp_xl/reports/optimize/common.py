"""What the sheets of the weight search share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from icp_xl.weight_search.search import OptimizeResult


NAMES = {"best": "Best", "current": "In force", "default": "Default"}


def titles(result: OptimizeResult) -> dict[str, str]:
    """Components as they are headed, by name, in order."""
    return {component.name: component.title for component in result.problem.components}


def differ(result: OptimizeResult) -> bool:
    """Whether the weights in force are others than the default ones."""
    return not np.allclose(result.named["current"][0], result.named["default"][0], atol=1e-9)
