"""A newcomer adds a command with a button, a setting, a sheet: in three files at most, and nothing is missing."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.newcomer import Copy

STAGE = '''"""``greet``: say hello to every account."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from icp_xl.pipeline.tables import load_tables
from icp_xl.runs import RunContext

GREETINGS = "greetings.csv"


@dataclass(frozen=True)
class Greetings:
    """One greeting per account."""

    path: Path
    texts: tuple[str, ...]

    def summary(self) -> list[str]:
        """What to say at the end of the command."""
        return [f"{len(self.texts)} greetings, of which the first is: {self.texts[0]}"]


def greet(run: RunContext, *, loud: bool = False) -> Greetings | None:
    """Greet every account."""
    run.plan(GREETINGS)
    accounts = load_tables(run).customers
    if run.dry_run:
        return None
    texts = [f"Hello {name}{'!' if loud else ''} ({run.settings.reports.title})" for name in accounts["account_name"]]
    run.outputs.csv(GREETINGS, accounts[["account_id"]].assign(greeting=texts))
    return Greetings(run.settings.paths.out / GREETINGS, tuple(texts))
'''
DECLARATION = '''

from icp_xl.commands.declare import Button, InRun, Setting  # noqa: E402

if TYPE_CHECKING:
    from icp_xl.pipeline.greet import Greetings
    from icp_xl.runs import RunContext


@command(
    Setting("--title", "reports.title"),
    button=Button("Greet", "Learn", "Camera", "G", "Says hello to every account.", sales=False),
    in_run=InRun(35, "greetings"),
)
def greet(
    run: RunContext, *, loud: Annotated[bool, Option("With an exclamation mark.")] = False
) -> Greetings | None:
    """Say hello to every account.

    Example: icp-xl greet --loud
    """
    from icp_xl.pipeline.greet import greet as stage

    return stage(run, loud=loud)
'''
COMMAND = """
import json, sys
from pathlib import Path
import icp_xl
from icp_xl import docs_tables
from icp_xl.cli import run
from icp_xl.commands.run_all import stages
from icp_xl.commands.ribbon import ribbon_xml
from icp_xl.excel.actions import ACTIONS
from icp_xl.excel.macros import MACROS
from tests.support.broken_inputs import sound

books = Path("books")
books.mkdir()
sound(books)
given = {"paths.data": str(books), "paths.out": "out"}
found = icp_xl.greet(given, loud=True, title="From the library")
planned = icp_xl.greet(given, dry_run=True)
code = run(["greet", "--title", "From the shell", "--data", "books", "--out", "shell", "--quiet"])
docs_tables.main([])
help_code = run(["greet", "--help"])
print("RESULT" + json.dumps({
    "summary": found.summary(), "planned": planned.files, "code": [code, help_code],
    "shell": Path("shell/greetings.csv").read_text(encoding="utf-8-sig"),
    "action": list(ACTIONS["greet"].commands), "macro": callable(MACROS["greet"]), "ribbon": ribbon_xml(),
    "stages": [stage.name for stage in stages()], "public": "greet" in icp_xl.__all__,
    "outdated": docs_tables.outdated(), "page": Path("docs/reference/commands.md").read_text(encoding="utf-8"),
    "types": Path("icp_xl/__init__.pyi").read_text(encoding="utf-8"),
    "xml": Path("vba/customUI14.xml").read_text(encoding="utf-8"),
}))
"""


def result(text: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(text.rpartition("RESULT")[2])
    return found


def test_a_command_with_a_button_is_a_stage_and_a_declaration(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.append("icp_xl/pipeline/greet.py", STAGE)
    copy.append("icp_xl/commands/records.py", DECLARATION)
    found = result(text := copy.run("-c", COMMAND))
    assert len(copy.changed) <= 3
    assert str(found["summary"]).count("!") == 1 and "From the library" in str(found["summary"])
    assert "greetings.csv" in found["planned"] and found["code"] == [0, 0]  # type: ignore[operator]
    assert "From the shell" in str(found["shell"]) and "!" not in str(found["shell"])
    assert "--loud" in text and "--no-loud" not in text and "--title" in text and "title of the score report" in (
        " ".join(text.casefold().replace("│", " ").split()))  # fmt: skip
    assert found["action"] == ["greet"] and found["macro"] and found["public"] and not found["outdated"]
    assert 'tag="greet" label="Greet"' in str(found["ribbon"]) and found["xml"] == found["ribbon"]
    stages = list(found["stages"])  # type: ignore[call-overload]
    assert stages.index("report") < stages.index("greetings") < stages.index("build")
    page = str(found["page"])
    assert "## icp-xl greet" in page and "| Learn | Greet | `icp-xl greet` |" in page and "| greetings |" in page
    assert "def greet(" in str(found["types"]) and "-> Greetings" in str(found["types"])


SETTING = """
import json
from pathlib import Path
import icp_xl
from icp_xl import docs_tables
from icp_xl.cli import run
from icp_xl.excel.templates import setting_keys
from icp_xl.config.describe import settings_schema, settings_template

docs_tables.main([])
line = [text for text in Path("docs/reference/settings.md").read_text(encoding="utf-8").splitlines()
        if "reports.motto" in text]
asked = icp_xl.load_settings(overrides={"reports.motto": "Onward"}, environ={})
sheet = icp_xl.load_settings(sheet=[("Reports.Motto", "Up", "B4")], environ={"ICP_XL__REPORTS__MOTTO": "Ahead"})
print("RESULT" + json.dumps({
    "page": line, "template": settings_template(), "schema": "motto" in settings_schema(), "asked": asked.reports.motto,
    "sheet": sheet.reports.motto, "keys": "reports.motto" in dict(setting_keys()), "outdated": docs_tables.outdated(),
    "code": run(["settings", "--write", "made.yaml"]), "made": Path("made.yaml").read_text(encoding="utf-8"),
    "digest": asked.digest() != icp_xl.load_settings(environ={}).digest(),
}))
"""


def test_a_setting_is_a_field(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.replace(
        "icp_xl/config/reports.py", '    currency: str = Field(',
        '    motto: str = Field("", max_length=80, description="line under the title")\n    currency: str = Field(',
    )  # fmt: skip
    found = result(copy.run("-c", SETTING))
    assert len(copy.changed) == 1
    assert found["page"] == ["| `reports.motto` | `''` | text, at most 80 of them | anybody | line under the title |"]
    assert "#   # line under the title" in str(found["template"]) and "#   motto: ''" in str(found["made"])
    assert found["schema"] and found["keys"] and found["digest"] and found["code"] == 0 and not found["outdated"]
    assert (found["asked"], found["sheet"]) == ("Onward", "Ahead")


SHEET = '''"""The sheet Hello."""

from __future__ import annotations

from icp_xl.config.reports import ReportSettings
from icp_xl.reports.inputs import ScoreReportInputs
from icp_xl.reports.spec import Sheet, Text


def build_hello_sheet(inputs: ScoreReportInputs, settings: ReportSettings) -> Sheet:
    """How many accounts there are."""
    return Sheet("Hello", "Hello", [Text(f"Hello to {len(inputs.scored)} accounts.")])
'''
REPORT = """
import json
from pathlib import Path
import icp_xl
from icp_xl.sources import open_book
from tests.support.broken_inputs import sound

Path("books").mkdir()
sound(Path("books"))
given = {"paths.data": "books", "paths.out": "out", "reports.live": False}
icp_xl.score(given)
icp_xl.share(given)
cells = {}
for name in ("out/icp_report.xlsx", "out/shared/icp_report.xlsx"):
    book = open_book(Path(name))
    rows = book.rows("Hello") if "Hello" in book.sheet_names() else []
    cells[name] = [str(cell) for row in rows for cell in row if cell]
summary = open_book(Path("out/icp_report.xlsx")).rows("Summary")
print("RESULT" + json.dumps({"cells": cells, "linked": any("Hello" in str(cell) for row in summary for cell in row)}))
"""


def test_a_sheet_is_a_builder_and_a_line(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    copy.append("icp_xl/reports/hello.py", SHEET)
    copy.replace(
        "icp_xl/reports/score_report.py", "    ReportSheet(build_method_sheet, ",
        "    ReportSheet(build_hello_sheet, 'who is greeted'),\n    ReportSheet(build_method_sheet, ",
    )  # fmt: skip
    copy.replace(
        "icp_xl/reports/score_report.py", "from icp_xl.reports.industries import",
        "from icp_xl.reports.hello import build_hello_sheet\nfrom icp_xl.reports.industries import",
    )  # fmt: skip
    found = result(copy.run("-c", REPORT))
    assert len(copy.changed) <= 3
    cells = dict(found["cells"])  # type: ignore[call-overload]
    assert all(any("Hello to" in cell for cell in each) for each in cells.values()), cells
    assert found["linked"]
