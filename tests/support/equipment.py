"""Names of the components of the equipment trade, which most tests score by."""

from __future__ import annotations

from icp_xl.components.kinds import facts_of
from icp_xl.components.presets import EQUIPMENT
from icp_xl.components.record import contribution_columns, score_columns

COMPONENTS = tuple(component.name for component in EQUIPMENT)
COMPONENT_SCORES = tuple(score_columns(COMPONENTS))
CONTRIBUTIONS = tuple(contribution_columns(COMPONENTS))
FACTS = tuple(fact.name for fact in facts_of(EQUIPMENT))
