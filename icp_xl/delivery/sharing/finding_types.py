"""Every sort of thing that should not leave the house inside a workbook: why it matters, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import starmap
from typing import Literal

Severity = Literal["unsafe", "note"]


@dataclass(frozen=True)
class FindingType:
    """One sort of finding: in words, why it matters, what to do in Excel, and how grave it is."""

    name: str
    what: str
    why: str
    advice: str
    severity: Severity = "unsafe"


_INSPECT = "In Excel: File, Info, Check for Issues, Inspect Document."
#: Every type by its name.
FINDINGS: dict[str, FindingType] = {
    kind.name: kind
    for kind in starmap(FindingType, (
        ("unreadable", "cannot be looked into", "Nobody can say what it holds.",
             "Save it as an ordinary .xlsx without a password, and check that."),
        ("macros", "macros", "Mail filters stop them, and readers are warned.", "Save it as .xlsx."),
        ("macro-sheet", "macro sheet of Excel 4", "It runs commands when opened.", "Delete the sheet."),
        ("activex", "ActiveX control or form", "It runs code of the reader's computer.", "Delete the control."),
        ("ribbon", "ribbon changes", "They call macros that the reader does not have.", "Save it as .xlsx."),
        ("web-extension", "Office add-in", "It loads code from the web.", "Remove the add-in's task pane."),
        ("external-link", "link to another workbook", "It holds that workbook's values and path, and warns "
             "the reader.", "Data, Edit Links, Break Link."),
        ("external-data", "content loaded from elsewhere", "Opening it tells the other side, or fails.",
             "Replace it by a copy inside the workbook."),
        ("dde", "dynamic data exchange", "It can start programs on the reader's computer.",
             "Replace the formula by its value."),
        ("risky-formula", "formula that reaches out of the workbook", "It loads from or sends to elsewhere.",
             "Replace the formula by its value."),
        ("link", "link to a file or program", "It shows a path, and clicking it opens what lies there.",
             "Remove the link."),
        ("connection", "data connection", "It holds server names, queries, sometimes passwords.",
             "Data, Queries & Connections, delete it."),
        ("query", "query or query table", "It holds the query and where its data came from.",
             "Data, Queries & Connections, delete it."),
        ("data-model", "data model", "It holds whole tables that no sheet shows.",
             "Copy what is needed as values into a new workbook."),
        ("pivot-cache", "pivot cache with data", "It holds every row behind the pivot table, shown or not.",
             "Copy the pivot table as values into a new workbook."),
        ("embedded-object", "embedded file", "It is a whole file that nobody looks into.", "Delete the object."),
        ("hidden-sheet", "hidden sheet", "Any reader can show it.", "Show it and keep it, or delete it."),
        ("hidden-rows", "hidden rows", "Any reader can show them.", "Show them, clear the filter, or delete them."),
        ("hidden-columns", "hidden columns", "Any reader can show them.", "Show them, or delete them."),
        ("hidden-name", "hidden name", "It holds a formula or text that no list of names shows.", _INSPECT),
        ("comment-author", "author of a comment", "It names a person.", _INSPECT),
        ("comment", "note or comment", "It is often meant for colleagues, and begins with a name.", _INSPECT),
        ("hidden-shape", "hidden shape", "Any reader can show it, with its text.",
             "Home, Find & Select, Selection Pane: show it, or delete it."),
        ("unused-text", "text that no cell shows any more", "It was deleted, yet the file still holds it.",
             "Open the file in Excel and save it afresh."),
        ("addin-formula", "formula of the add-in", "A reader without the add-in sees #NAME? once it is computed.",
             "Replace the formula by its value."),
        ("person", "people of threaded comments", "It holds names and account ids.", _INSPECT),
        ("property", "personal property", "It names a person or a company.", _INSPECT),
        ("custom-property", "custom property", "It comes from a document system and says things of the house.",
             _INSPECT),
        ("label", "sensitivity label", "The rules behind it may forbid sending.",
             "Ask whoever sets the labels, or choose one that may leave the house."),
        ("saved-path", "folder that it was saved in", "It shows a user name or a server.", _INSPECT),
        ("path", "path of a computer or network drive", "It shows user names and servers.",
             "Replace the text."),
        ("printer-settings", "printer settings", "They name a printer and a server.", _INSPECT),
        ("custom-xml", "custom XML", "It holds data that no sheet shows.", _INSPECT),
        ("revision-log", "history of changes", "It holds every earlier value and who changed it.",
             "Review, Unshare Workbook."),
        ("user-name", "user name", "It names a person.", _INSPECT),
        ("view", "custom view", "It carries a person's name and hidden rows.", "View, Custom Views, delete it."),
        ("scenario", "scenario", "It holds values that no cell shows, and often who made it.",
             "Data, What-If Analysis, Scenario Manager, delete it."),
        ("active-filter", "filter with criteria", "It names values, among them such as no row holds any more.",
             "Data, Clear."),
        ("hidden-series", "series that a chart's filter hides", "Any reader can show it, with its figures.",
             "Chart Filters: show it, or Select Data: remove it."),
        ("markup-comment", "remark between the elements of a part", "It can hold anything, and no program shows it.",
             "Open the file in Excel and save it afresh."),
        ("header-text", "text in the header or footer of a page", "It often names a person, a file or a client.",
             "Page Layout, Print Titles, Header/Footer: look at it.", "note"),
        ("image-metadata", "facts inside a picture", "They can say where and by whom it was taken.",
             "Compress or replace the picture."),
        ("thumbnail", "preview picture", "It shows what the first sheet held when it was saved.",
             "File, Info, Properties: clear Save preview picture."),
        ("signature", "digital signature", "It holds the signer's certificate, and dies with any change.",
             "Remove it, or send the file as it is."),
        ("stray-part", "part that nothing refers to", "It can hold anything, and no program shows it.",
             "Open the file in Excel and save it afresh."),
        ("container-comment", "comment of the zip container", "It can hold anything.", "Save it afresh."),
        ("formula-text", "text that a program may take for a formula that reaches out",
             "Edited or exported, it would run.", "Put an apostrophe before it."),
        ("score-model", "score model behind worksheet functions",
             "It tells the accounts on its sheets, and constants that few accounts stand behind.",
             "Send it only to those who may see every account.", "note"),
        ("formula-like-text", "text that begins like a formula",
             "Edited or exported to CSV, it would be taken for a formula.", "Put an apostrophe before it.", "note"),
    ))
}  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One finding: its sort, the part of the package, the sheet or cell, and what was got (shortened)."""

    kind: str
    part: str
    location: str = ""
    got: str = ""

    @property
    def type(self) -> FindingType:
        """The sort of the finding."""
        return FINDINGS[self.kind]

    @property
    def unsafe(self) -> bool:
        """Whether the workbook should not be sent with it."""
        return self.type.severity == "unsafe"

    def __str__(self) -> str:
        kind = self.type
        where = f" in {self.location}" if self.location else f" in {self.part}" if self.part else ""
        got = f" ({self.got})" if self.got else ""
        return f"{kind.what}{where}{got}. {kind.why} {kind.advice}"
