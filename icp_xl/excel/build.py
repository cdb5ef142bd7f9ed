"""Build the add-in: xlwings' own add-in template, our VBA as text, the generated stubs, and the ribbon.

Nothing of it needs Excel or Windows, and the same versions give the same bytes. The result is not committed, because
it holds xlwings' VBA module.
"""

from __future__ import annotations

import importlib.util
import io
import re
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from icp_xl.commands.ribbon import ribbon_xml
from icp_xl.errors import DeliveryError
from icp_xl.excel import commands as _addin_commands  # noqa: F401 - declares the buttons of the add-in
from icp_xl.excel.stubs import HELP_MODULE, STUBS_MODULE, help_module, stubs_module
from icp_xl.excel.xlwings_udfs import FUNCTIONS
from icp_xl.opc.archive import deterministic_zip
from icp_xl.outputs import write_bytes

ADDIN = "icp_xl.xlam"
#: What to do where a library of the add-in is missing.
INSTALL = 'Run `python -m pip install ".[excel]"` in the folder that icp_xl came in.'
PROJECT = "IcpXl"
#: The name under which xlwings' module looks for its configuration: ``icp_xl.conf``.
CONFIG = "icp_xl"
TEMPLATE = "quickstart_addin_ribbon.xlam"
MODULE_TEXT = "xlwings_custom_addin.bas"
#: Our modules, in the order in which they are added.
MODULES = ("IcpText", "IcpCells", "IcpHost", "IcpJobs", "IcpRibbon")
#: What xlwings' module is told by the add-in's own sheet; the interpreter stands in the user's file.
OWN_CONFIG = (
    ("ADD_WORKBOOK_TO_PYTHONPATH", "false"),
    ("UDF MODULES", FUNCTIONS),
    ("USE UDF SERVER", True),
    ("SHOW CONSOLE", False),
    ("PYTHONPATH", ""),
)
_RIBBON_TYPE = "http://schemas.microsoft.com/office/2007/relationships/ui/extensibility"
_RIBBON_PART = "customUI/customUI14.xml"


def vba_folder() -> Path:
    """Where the VBA sources lie: in the package as it is installed, beside it in its repository."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "_vba"
    return installed if installed.is_dir() else package.parent / "vba"


def build_addin(target: Path, sources: Path | None = None) -> Path:
    """Write the add-in to ``target`` and return it.

    Raises:
        DeliveryError: pyOpenVBA is missing, or the template is not what this was written for.
    """
    write_bytes(target, addin_bytes(sources))
    return target


def addin_bytes(sources: Path | None = None) -> bytes:
    """The add-in's bytes."""
    sources = vba_folder() if sources is None else sources
    package = xlwings_folder()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / ADDIN
        work.write_bytes((package / TEMPLATE).read_bytes())
        _write_modules(work, modules(sources), sources)
        project = zipfile.ZipFile(work).read("xl/vbaProject.bin")
    return _repack((package / TEMPLATE).read_bytes(), project, ribbon_xml().encode("utf-8"))


def modules(sources: Path) -> dict[str, str]:
    """Text of every standard module of the add-in, by name, with line feeds."""
    found = {"xlwings": xlwings_module((xlwings_folder() / MODULE_TEXT).read_text(encoding="utf-8"))}
    for name in MODULES:
        found[name] = (sources / f"{name}.bas").read_text(encoding="ascii")
    found[HELP_MODULE] = help_module()
    found[STUBS_MODULE] = stubs_module()
    return found


def xlwings_module(text: str) -> str:
    """xlwings' VBA module under our configuration's name, and deaf to the workbooks that happen to be open.

    As shipped, a sheet or a file beside *any* open workbook may name the interpreter to start. A workbook that came by
    e-mail must not; so the add-in takes its configuration from its own sheet and the user's own file only. As shipped,
    too, each call reads the configuration anew, and the command that starts the function server holds the active
    workbook's name, so that each workbook starts one more Python (xlwings' issues 787 and 849). Here both are read
    once, and one server serves an Excel until it ends.
    """
    changes = (
        ('PROJECT_NAME As String = "myaddin"', f'PROJECT_NAME As String = "{CONFIG}"'),
        ('            If SheetExists(ActiveWorkbook, PROJECT_NAME & ".conf") = True Then', "            If False Then"),
        ('    If source = "" Or source = "directory" Then', "    If False Then"),
        (
            '& ";" & ActiveWorkbook.FullName & ";" & ThisWorkbook.FullName & ";" & GetConfig("ONEDRIVE_CONSUMER_WIN")',
            '& ";;;" & GetConfig("ONEDRIVE_CONSUMER_WIN")',
        ),
        (
            "Function XLPyCommand()\n",
            "Function XLPyCommand()\n    Static known As String\n    If Len(known) > 0 Then\n"
            "        XLPyCommand = known\n        Exit Function\n    End If\n",
        ),
        (
            "        XLPyCommand = PYTHON_WIN & tail & Chr(34)\n    End If\n",
            "        XLPyCommand = PYTHON_WIN & tail & Chr(34)\n    End If\n    known = XLPyCommand\n",
        ),
        (
            "Private Sub XLPyLoadDLL()\n",
            "Private Sub XLPyLoadDLL()\n    Static loaded As Boolean\n    If loaded Then Exit Sub\n",
        ),
        ("    End If\nEnd Sub\n\nFunction NDims", "    End If\n    loaded = True\nEnd Sub\n\nFunction NDims"),
        # A sheet called "….py" in the active workbook would be run as code.
        ("                uses_embedded_code = True", "                uses_embedded_code = False"),
    )
    for before, after in changes:
        if text.count(before) != 1:
            raise DeliveryError(
                "the VBA module of this xlwings version looks different",
                got=f"{text.count(before)} times {before.strip()}",
                next_step="Install the xlwings version that this package names in its requirements.",
            )
        text = text.replace(before, after)
    return text


def xlwings_folder() -> Path:
    """Where the installed xlwings package lies."""
    spec = importlib.util.find_spec("xlwings")
    if spec is None or spec.origin is None:
        raise DeliveryError("xlwings is not installed", next_step=INSTALL)
    return Path(spec.origin).parent


def _write_modules(work: Path, texts: dict[str, str], sources: Path) -> None:
    try:
        from pyopenvba import ExcelFile
    except ImportError:
        raise DeliveryError("pyOpenVBA is not installed", next_step=f"{INSTALL} Then build again.") from None
    with ExcelFile(work) as book:
        project = book.vba_project()
        project.delete_module("RibbonMyAddin")
        for name, text in texts.items():
            if name in book.module_names():
                book.set_module(name, _crlf(text))
            else:
                project.add_module(name, _crlf(text))
        own = book.get_module("ThisWorkbook").replace("\r\n", "\n")
        head = "".join(line + "\n" for line in own.splitlines() if line.startswith("Attribute"))
        book.set_module("ThisWorkbook", _crlf(head + (sources / "ThisWorkbook.cls").read_text(encoding="ascii")))
        faults = project.validate()
        if faults:
            raise DeliveryError("the VBA project is not sound", got="; ".join(map(str, faults))[:300])
        book.save()
    with ExcelFile(work) as book:
        _rename_project(book, PROJECT)
        book.save()


def _crlf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\n", "\r\n")


def _rename_project(book: Any, name: str) -> None:
    """Name the VBA project, in the record PROJECTNAME of its directory stream and in the stream PROJECT (MS-OVBA)."""
    project = book.vba_project()
    raw, at = project.dir_raw, 0
    while True:
        kind, size = struct.unpack_from("<HI", raw, at)
        if kind == 0x0004:
            break
        # PROJECTVERSION says 4 and holds 6 bytes.
        at += 6 + (6 if kind == 0x0009 else size)
    new = name.encode("cp1252")
    project.dir_raw = raw[:at] + struct.pack("<HI", 4, len(new)) + new + raw[at + 6 + size :]
    project.dir_modules_offset += len(new) - size
    project.name = name
    project.dir_structure_dirty = True
    container = book._get_cfb()
    text = container.get_stream("PROJECT").decode("cp1252")
    text = re.sub(r'(?m)^Name="[^"]*"', f'Name="{name}"', text)
    container.write_stream("PROJECT", text.encode("cp1252"))


def _repack(template: bytes, project: bytes, ribbon: bytes) -> bytes:
    """The template's package with our project, ribbon, configuration sheet and properties; the same bytes each time."""
    with zipfile.ZipFile(io.BytesIO(template)) as source:
        parts = {name: source.read(name) for name in source.namelist() if not name.startswith("customUI/")}
    parts["xl/vbaProject.bin"] = project
    parts[_RIBBON_PART] = ribbon
    parts["_rels/.rels"] = _relationships(parts["_rels/.rels"].decode()).encode()
    parts["xl/workbook.xml"] = _workbook(parts["xl/workbook.xml"].decode()).encode()
    parts["xl/worksheets/sheet1.xml"] = _config_sheet(parts["xl/worksheets/sheet1.xml"].decode()).encode()
    parts["docProps/core.xml"] = _properties(parts["docProps/core.xml"].decode()).encode()
    first = ["[Content_Types].xml", "_rels/.rels"]
    return deterministic_zip({name: parts[name] for name in [*first, *sorted(set(parts) - set(first))]}, 9)


def _relationships(text: str) -> str:
    text = re.sub(rf'<Relationship [^>]*Type="{re.escape(_RIBBON_TYPE)}"[^>]*/>', "", text)
    own = f'<Relationship Id="rIdIcpRibbon" Type="{_RIBBON_TYPE}" Target="{_RIBBON_PART}"/>'
    return text.replace("</Relationships>", own + "</Relationships>")


def _workbook(text: str) -> str:
    # The path on which the template was last saved, and its disabled configuration sheet.
    text = re.sub(r"<mc:AlternateContent.*?</mc:AlternateContent>", "", text, flags=re.DOTALL)
    return text.replace('name="_myaddin.conf"', f'name="{CONFIG}.conf"')


def _config_sheet(text: str) -> str:
    rows = []
    for number, (key, value) in enumerate(OWN_CONFIG, 1):
        cell = f'<c r="A{number}" t="inlineStr"><is><t>{key}</t></is></c>'
        if isinstance(value, bool):
            cell += f'<c r="B{number}" t="b"><v>{int(value)}</v></c>'
        elif value:
            cell += f'<c r="B{number}" t="inlineStr"><is><t>{value}</t></is></c>'
        rows.append(f'<row r="{number}">{cell}</row>')
    text = re.sub(r"<sheetData>.*?</sheetData>", f"<sheetData>{''.join(rows)}</sheetData>", text, flags=re.DOTALL)
    return re.sub(r'<dimension ref="[^"]*"', f'<dimension ref="A1:B{len(OWN_CONFIG)}"', text)


def _properties(text: str) -> str:
    text = re.sub(r"<dc:title ?/>", "<dc:title>ICP</dc:title>", text)
    text = re.sub(r"<dc:creator>.*?</dc:creator>", "<dc:creator>icp_xl</dc:creator>", text)
    text = re.sub(
        r"<dc:description ?/>", "<dc:description>Account scoring in Excel (icp_xl add-in)</dc:description>", text
    )
    return re.sub(r"<cp:lastModifiedBy>.*?</cp:lastModifiedBy>", "<cp:lastModifiedBy>icp_xl</cp:lastModifiedBy>", text)
