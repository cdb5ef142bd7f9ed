"""The names of columns, said once, so that every frame, sheet and file uses the same words."""

from __future__ import annotations

ACCOUNT_ID = "account_id"
ACCOUNT_NAME = "account_name"
INDUSTRY = "industry"
ANNUAL_REVENUE = "annual_revenue"
REP = "rep"
REGION = "region"
SEGMENT = "segment"
PRINTERS = "printers"

DATE = "date"
DIVISION = "division"
SKU = "sku"
QUANTITY = "quantity"
REVENUE = "revenue"
GROSS_PROFIT = "gross_profit"
CATEGORY = "category"

HARDWARE_REVENUE = "hardware_revenue"
CONSUMABLE_REVENUE = "consumable_revenue"
SOFTWARE_REVENUE = "software_revenue"
SERVICE_REVENUE = "service_revenue"
TOTAL_REVENUE = "total_revenue"

RAW_SCORE = "raw_score"
PERCENTILE = "percentile"
ICP_SCORE = "icp_score"
ICP_GRADE = "icp_grade"
#: Grades from best to worst.
GRADES = ("A", "B", "C", "D", "F")

CUTOFF_DATE = "cutoff_date"
WINDOW_MONTHS = "window_months"
P_ICP = "p_icp"
P_ICP_PCT = "p_icp_pct"
LIFT_NORM = "lift_norm"
ALS_NORM = "als_norm"
EV_NORM = "EV_norm"
SCORE = "score"
NBA_REASON = "nba_reason"
OPPORTUNITY_ID = "opportunity_id"
OUTCOME = "outcome"

#: Transaction categories, in the order in which reports list them.
CATEGORIES = ("hardware", "consumable", "software licence", "saas", "maintenance", "service")
#: Categories that count as software.
SOFTWARE_CATEGORIES = ("software licence", "saas", "maintenance")
