"""Pictures of the real sheets for the docs, from the output of ``icp-xl demo``; needs LibreOffice and poppler.

icp-xl demo --out icp_demo && python docs/make_pictures.py icp_demo
"""

import subprocess
import sys
import tempfile
from pathlib import Path

#: Picture, workbook below the output folder, and how the first line of the page to show begins.
PICTURES = (
    ("scored_accounts", "icp_report.xlsx", "Scored accounts"),
    ("match_review", "icp_report.xlsx", "Match review"),
    ("groups", "icp_report.xlsx", "Groups"),
    ("data_quality", "icp_report.xlsx", "Data quality"),
    ("weights", "icp_optimisation.xlsx", ""),
    ("models", "icp_models.xlsx", ""),
    ("whitespace", "icp_whitespace.xlsx", ""),
    ("validation", "icp_validation.xlsx", ""),
    ("won_lost", "icp_won_lost.xlsx", ""),
    ("live", "live/icp_live.xlsx", ""),
)

TABLES = ("scored_accounts", "match_review", "groups", "whitespace")


def main(out: Path, pictures: Path) -> None:
    pictures.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, book, start in PICTURES:
            pdf = Path(folder, Path(book).with_suffix(".pdf").name)
            if not pdf.exists():
                command = ["soffice", "--headless", "--convert-to", "pdf", "--outdir", folder, str(out / book)]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            page = find_page(pdf, start)
            target = pictures / name
            numbers = ["-f", str(page), "-l", str(page), "-singlefile"]
            # Of a table, its head is enough, and large enough to read.
            size = ["-r", "150", "-x", "60", "-y", "60", "-W", "1540", "-H", "420"] if name in TABLES else ["-r", "80"]
            subprocess.run(["pdftoppm", "-png", *size, *numbers, str(pdf), str(target)], check=True)


def find_page(pdf: Path, start: str) -> int:
    """The first page whose text begins with ``start``."""
    text = subprocess.run(["pdftotext", str(pdf), "-"], check=True, capture_output=True, text=True).stdout
    for number, page in enumerate(text.split("\f"), 1):
        if page.strip().startswith(start):
            return number
    raise SystemExit(f"{pdf.name} has no page that begins with {start!r}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).with_name("pictures"))
