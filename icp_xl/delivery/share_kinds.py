"""Every sort of thing that should not leave the house inside a workbook: why it matters, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["unsafe", "note"]


@dataclass(frozen=True)
class Kind:
    """One sort of finding: in words, why it matters, what to do in Excel, and how grave it is."""

    name: str
    what: str
    why: str
    advice: str
    severity: Severity = "unsafe"


_INSPECT = "In Excel: File, Info, Check for Issues, Inspect Document."
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("unreadable", "cannot be looked into", "Nobody can say what it holds.",
             "Save it as an ordinary .xlsx without a password, and check that."),
        Kind("macros", "macros", "Mail filters stop them, and readers are warned.", "Save it as .xlsx."),
        Kind("macro-sheet", "macro sheet of Excel 4", "It runs commands when opened.", "Delete the sheet."),
        Kind("activex", "ActiveX control or form", "It runs code of the reader's computer.", "Delete the control."),
        Kind("ribbon", "ribbon changes", "They call macros that the reader does not have.", "Save it as .xlsx."),
        Kind("web-extension", "Office add-in", "It loads code from the web.", "Remove the add-in's task pane."),
        Kind("external-link", "link to another workbook", "It holds that workbook's values and path, and warns "
             "the reader.", "Data, Edit Links, Break Link."),
        Kind("external-data", "content loaded from elsewhere", "Opening it tells the other side, or fails.",
             "Replace it by a copy inside the workbook."),
        Kind("dde", "dynamic data exchange", "It can start programs on the reader's computer.",
             "Replace the formula by its value."),
        Kind("risky-formula", "formula that reaches out of the workbook", "It loads from or sends to elsewhere.",
             "Replace the formula by its value."),
        Kind("link", "link to a file or program", "It shows a path, and clicking it opens what lies there.",
             "Remove the link."),
        Kind("connection", "data connection", "It holds server names, queries, sometimes passwords.",
             "Data, Queries & Connections, delete it."),
        Kind("query", "query or query table", "It holds the query and where its data came from.",
             "Data, Queries & Connections, delete it."),
        Kind("data-model", "data model", "It holds whole tables that no sheet shows.",
             "Copy what is needed as values into a new workbook."),
        Kind("pivot-cache", "pivot cache with data", "It holds every row behind the pivot table, shown or not.",
             "Copy the pivot table as values into a new workbook."),
        Kind("embedded-object", "embedded file", "It is a whole file that nobody looks into.", "Delete the object."),
        Kind("hidden-sheet", "hidden sheet", "Any reader can show it.", "Show it and keep it, or delete it."),
        Kind("hidden-rows", "hidden rows", "Any reader can show them.", "Show them, clear the filter, or delete them."),
        Kind("hidden-columns", "hidden columns", "Any reader can show them.", "Show them, or delete them."),
        Kind("hidden-name", "hidden name", "It holds a formula or text that no list of names shows.", _INSPECT),
        Kind("comment-author", "author of a comment", "It names a person.", _INSPECT),
        Kind("person", "people of threaded comments", "It holds names and account ids.", _INSPECT),
        Kind("property", "personal property", "It names a person or a company.", _INSPECT),
        Kind("custom-property", "custom property", "It comes from a document system and says things of the house.",
             _INSPECT),
        Kind("label", "sensitivity label", "The rules behind it may forbid sending.",
             "Ask whoever sets the labels, or choose one that may leave the house."),
        Kind("saved-path", "folder that it was saved in", "It shows a user name or a server.", _INSPECT),
        Kind("path", "path of a computer or network drive", "It shows user names and servers.",
             "Replace the text."),
        Kind("printer-settings", "printer settings", "They name a printer and a server.", _INSPECT),
        Kind("custom-xml", "custom XML", "It holds data that no sheet shows.", _INSPECT),
        Kind("revision-log", "history of changes", "It holds every earlier value and who changed it.",
             "Review, Unshare Workbook."),
        Kind("user-name", "user name", "It names a person.", _INSPECT),
        Kind("view", "custom view", "It carries a person's name and hidden rows.", "View, Custom Views, delete it."),
        Kind("image-metadata", "facts inside a picture", "They can say where and by whom it was taken.",
             "Compress or replace the picture."),
        Kind("thumbnail", "preview picture", "It shows what the first sheet held when it was saved.",
             "File, Info, Properties: clear Save preview picture."),
        Kind("signature", "digital signature", "It holds the signer's certificate, and dies with any change.",
             "Remove it, or send the file as it is."),
        Kind("stray-part", "part that nothing refers to", "It can hold anything, and no program shows it.",
             "Open the file in Excel and save it afresh."),
        Kind("container-comment", "comment of the zip container", "It can hold anything.", "Save it afresh."),
        Kind("formula-text", "text that a program may take for a formula that reaches out",
             "Edited or exported, it would run.", "Put an apostrophe before it."),
        Kind("formula-like-text", "text that begins like a formula",
             "Edited or exported to CSV, it would be taken for a formula.", "Put an apostrophe before it.", "note"),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """One finding: its sort, the part of the package, the sheet or cell, and what was got (shortened)."""

    kind: str
    part: str
    place: str = ""
    got: str = ""

    @property
    def unsafe(self) -> bool:
        """Whether the workbook should not be sent with it."""
        return KINDS[self.kind].severity == "unsafe"

    def __str__(self) -> str:
        kind = KINDS[self.kind]
        where = f" in {self.place}" if self.place else f" in {self.part}" if self.part else ""
        got = f" ({self.got})" if self.got else ""
        return f"{kind.what}{where}{got}. {kind.why} {kind.advice}"
