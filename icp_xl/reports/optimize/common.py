"""What the sheets of the weight search share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from icp_xl.columns import COMPONENTS
from icp_xl.reports.words import component_label

if TYPE_CHECKING:
    from icp_xl.weight_search.search import OptimizeResult


TITLES = {name: component_label(name) for name in COMPONENTS}
NAMES = {"best": "Best", "current": "In force", "default": "Default"}


def differ(result: OptimizeResult) -> bool:
    """Whether the weights in force are others than the default ones."""
    return not np.allclose(result.named["current"][0], result.named["default"][0], atol=1e-9)
