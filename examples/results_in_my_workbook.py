"""Put score, grade and reasons beside the rows of a workbook of your own, without touching anything else in it.

python examples/results_in_my_workbook.py
"""

import tempfile
from pathlib import Path

import openpyxl

import icp_xl
from icp_xl.samples import write_samples


def main(folder: Path) -> None:
    write_samples(folder / "workbooks", accounts=300, lines=6_000)
    out = folder / "out"
    outcome = icp_xl.score(data=folder / "workbooks", out=out)
    mine = folder / "Visits in May.xlsx"
    plan = openpyxl.Workbook()
    sheet = plan.active
    sheet.append(["Account", "Visit on"])
    for name in outcome.result.scored["account_name"].head(20):
        sheet.append([name, "May"])
    plan.save(mine)
    result = icp_xl.write_back(mine, {"paths.out": out}, columns="Account")
    print("\n".join(result.summary()))
    print([cell.value for cell in openpyxl.load_workbook(mine).active[2]])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        main(Path(name))
