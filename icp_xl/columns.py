"""Values that columns hold, said once: grades and categories, in their order."""

from __future__ import annotations

#: Grades from best to worst.
GRADES = ("A", "B", "C", "D", "F")

#: Transaction categories, in the order in which reports list them.
CATEGORIES = ("hardware", "consumable", "software licence", "saas", "maintenance", "service")
#: Categories that count as software.
SOFTWARE_CATEGORIES = ("software licence", "saas", "maintenance")
