"""What the sample reseller sells, to whom and where. All of it is invented."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IndustryPlan:
    """An industry: share of accounts, how well it pays, how much it prints and designs, and how people spell it."""

    name: str
    share: float
    pays: float
    prints: float
    designs: float
    spellings: tuple[str, ...]
    tier: int


INDUSTRIES = (
    IndustryPlan("Aerospace & Defense", 0.10, 2.2, 0.8, 0.7,
                 ("Aerospace & Defense", "AEROSPACE AND DEFENSE", "Aerospace/Defense", "Aerospce & Defense",
                  "aerospace"), 1),
    IndustryPlan("Medical Devices", 0.11, 1.9, 0.7, 0.5,
                 ("Medical Devices", "medical devices", "Medical Device", "Med Device", "MEDICAL DEVICES "), 1),
    IndustryPlan("Automotive", 0.09, 1.6, 0.6, 0.4,
                 ("Automotive", "AUTOMOTIVE", "Auto", "Automotve", "automotive "), 1),
    IndustryPlan("Industrial Equipment", 0.14, 1.15, 0.1, 0.5,
                 ("Industrial Equipment", "Industrial Machinery", "industrial equipment", "Machinery",
                  "Industrial Equpment"), 2),
    IndustryPlan("Consumer Goods", 0.09, 1.0, 0.4, 0.1,
                 ("Consumer Goods", "Consumer Products", "consumer goods", "CPG", "Consumer  Goods"), 2),
    IndustryPlan("Electronics", 0.08, 1.1, 0.2, 0.3,
                 ("Electronics", "ELECTRONICS", "Electronic", "Electroncs", "electronics"), 2),
    IndustryPlan("Robotics & Automation", 0.05, 1.4, 0.5, 0.5,
                 ("Robotics & Automation", "Robotics and Automation", "Robotics", "robotics & automation",
                  "Automation"), 1),
    IndustryPlan("Tooling", 0.07, 0.9, 0.3, 0.2,
                 ("Tooling", "Tool & Die", "tooling", "TOOLING", "Tool and Die"), 3),
    IndustryPlan("Energy & Utilities", 0.06, 0.8, -0.2, 0.2,
                 ("Energy & Utilities", "Energy", "Oil & Gas", "energy and utilities", "Utilities"), 3),
    IndustryPlan("Education", 0.06, 0.45, 0.3, 0.0,
                 ("Education", "EDUCATION", "Higher Education", "Educaton", "education"), 4),
    IndustryPlan("Packaging", 0.05, 0.7, 0.0, 0.0,
                 ("Packaging", "packaging", "Packaging & Containers", "Packging", "PACKAGING"), 3),
    IndustryPlan("Food & Beverage", 0.05, 0.5, -0.5, -0.3,
                 ("Food & Beverage", "Food and Beverage", "FOOD & BEVERAGE", "Food & Bev.", "food/beverage"), 4),
    IndustryPlan("Architecture & Construction", 0.05, 0.6, -0.4, 0.2,
                 ("Architecture & Construction", "Construction", "AEC", "architecture and construction",
                  "Architecture"), 4),
)  # fmt: skip


@dataclass(frozen=True)
class Item:
    """A thing that is sold: its stock code, list price, share of gross profit, and months that it runs."""

    sku: str
    name: str
    category: str
    price: float
    margin: float
    weight: float = 1.0
    term: int = 0


#: Division to its items. Eight divisions, all six categories.
DIVISIONS: dict[str, tuple[Item, ...]] = {
    "Solidworks": (
        Item("SW-STD", "CAD Standard licence", "software licence", 4200, 0.32, 3, 12),
        Item("SW-PRO", "CAD Professional licence", "software licence", 5900, 0.33, 2, 12),
        Item("SW-PRM", "CAD Premium licence", "software licence", 8100, 0.34, 1, 12),
        Item("SW-MNT", "CAD maintenance, 12 months", "maintenance", 1500, 0.45, 0, 12),
    ),
    "Simulation": (
        Item("SIM-STD", "Simulation Standard licence", "software licence", 5200, 0.36, 2, 12),
        Item("SIM-FLW", "Flow Simulation licence", "software licence", 12900, 0.38, 1, 12),
        Item("SIM-MNT", "Simulation maintenance, 12 months", "maintenance", 2300, 0.45, 0, 12),
    ),
    "Data Management": (
        Item("PDM-CLD", "Cloud data management, 12 months", "saas", 960, 0.40, 3, 12),
        Item("PDM-PRO", "Data management editor licence", "software licence", 1850, 0.35, 1, 12),
    ),
    "Printers": (
        Item("PRN-F1", "Desktop FDM printer", "hardware", 6900, 0.18, 4, 12),
        Item("PRN-F9", "Production FDM printer", "hardware", 62000, 0.22, 2, 12),
        Item("PRN-J5", "PolyJet printer", "hardware", 88000, 0.24, 1, 12),
    ),
    "Consumables": (
        Item("CON-ABS", "ABS spool", "consumable", 265, 0.38, 4),
        Item("CON-RSN", "Resin cartridge 3.6 kg", "consumable", 1180, 0.41, 3),
        Item("CON-SUP", "Support material", "consumable", 310, 0.44, 3),
        Item("CON-TRY", "Build tray", "consumable", 95, 0.50, 1),
    ),
    "Services": (
        Item("SVC-CAR", "Printer care plan, 12 months", "maintenance", 4300, 0.48, 1, 12),
        Item("SVC-CON", "Consulting day", "service", 1650, 0.42, 2),
    ),
    "Training": (
        Item("TRN-ESS", "Essentials course", "service", 1995, 0.55, 3),
        Item("TRN-ADV", "Advanced course", "service", 1495, 0.55, 1),
    ),
    "Scanning": (
        Item("SCN-HND", "Handheld 3D scanner", "hardware", 24500, 0.20, 2, 12),
        Item("SCN-SW", "Scan-to-CAD licence", "software licence", 6800, 0.35, 1, 12),
    ),
}

#: Region to its places (city, state) and reps.
REGIONS: dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = {
    "West": ((("San Diego", "CA"), ("Fremont", "CA"), ("Portland", "OR"), ("Tacoma", "WA"), ("Reno", "NV")),
             ("Marta Oyelaran", "Devin Prakash", "Lou Castellano")),
    "Mountain": ((("Salt Lake City", "UT"), ("Boise", "ID"), ("Denver", "CO"), ("Tempe", "AZ")),
                 ("Ingrid Solheim", "Tomas Reyes")),
    "Central": ((("Austin", "TX"), ("Plano", "TX"), ("Tulsa", "OK"), ("Wichita", "KS"), ("Omaha", "NE")),
                ("Bea Lindqvist", "Andre Whitfield", "Priya Nair")),
    "Midwest": ((("Dayton", "OH"), ("Grand Rapids", "MI"), ("Rockford", "IL"), ("Waukesha", "WI")),
                ("Colm Gallagher", "Ruth Abernathy")),
    "East": ((("Worcester", "MA"), ("Rochester", "NY"), ("Allentown", "PA"), ("Greenville", "SC"), ("Tampa", "FL")),
             ("Nadia Haddad", "Sam Okafor", "Juno Whitaker")),
}  # fmt: skip

#: Words of a name that say what a company does, per industry.
TRADES: dict[str, tuple[str, ...]] = {
    "Aerospace & Defense": ("Aerospace", "Aero Structures", "Defense Systems", "Flight Controls", "Avionics"),
    "Medical Devices": ("Medical", "Orthopedics", "Surgical", "Biomedical", "Implants"),
    "Automotive": ("Automotive", "Motorsports", "Drivetrain", "Vehicle Systems", "Chassis Works"),
    "Industrial Equipment": ("Machinery", "Equipment", "Pump & Valve", "Hydraulics", "Conveyors", "Manufacturing"),
    "Consumer Goods": ("Products", "Housewares", "Outdoor Goods", "Brands", "Furnishings"),
    "Electronics": ("Electronics", "Circuits", "Connectors", "Optics", "Sensors"),
    "Robotics & Automation": ("Robotics", "Automation", "Motion Control", "Mechatronics"),
    "Tooling": ("Tool & Die", "Tooling", "Mold Works", "Precision Machining"),
    "Energy & Utilities": ("Energy", "Power Systems", "Drilling Services", "Turbines"),
    "Education": ("Institute", "Technical College", "University", "Academy"),
    "Packaging": ("Packaging", "Containers", "Closures"),
    "Food & Beverage": ("Foods", "Beverage", "Bottling", "Dairy"),
    "Architecture & Construction": ("Construction", "Architects", "Builders", "Structural Engineering"),
}

#: Names that programs mistake for formulas, and names in other scripts; each with a place of its own.
ODD_NAMES = (
    "=Plus Design Group", "+Mass Robotics LLC", "@Work Fabrication Inc", "-Kelvin Cryogenics", "=SUM Industries",
    "東洋精機株式会社", "ООО Сибтехмаш", "Ελληνική Μηχανική ΑΕ", "شركة النور للهندسة", "上海精密仪器有限公司",
    "Škoda Přesné Nástroje s.r.o.", "Müller & Söhne Maschinenbau GmbH", "Señal Óptica S.A. de C.V.",
    "Ångström Verktyg AB",
    "대한정밀공업 주식회사", "O'Dowd & Daughters, Ltd.", "3Dogs Prototyping", "1st Article Inspection Co.",
)  # fmt: skip
