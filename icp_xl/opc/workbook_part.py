"""What a target workbook is, and whether it may be written: what a writer asks first."""

from __future__ import annotations

from icp_xl.opc.package import Package
from icp_xl.opc.unsupported import damaged, refuse
from icp_xl.opc.xml import (
    MAIN,
    MAIN_STRICT,
    OFFICE,
    OFFICE_STRICT,
    Element,
    children,
    find,
    local,
    namespace,
    serialise,
    truthy,
)

TABLE_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.table+xml"


class Workbook:
    """A package whose workbook part is found and parsed. ``root`` is shared: change it, then :meth:`save` it."""

    def __init__(self, package: Package) -> None:
        self.package = package
        self.where = package.where
        self.load()

    def load(self) -> None:
        """Find and parse the workbook part; again after parts were restored."""
        package = self.package
        main = [rel.target for rel in package.relationships("") if rel.kind == "officeDocument" and not rel.external]
        if not main or not package.has(main[0]):
            damaged("it has no main part", where=self.where)
        self.part = main[0]
        kind = package.content_type(self.part)
        if "binary" in kind or self.part.lower().endswith(".bin"):
            refuse("binary", "this is a binary workbook (.xlsb)",
                   "Save it as .xlsx or .xlsm in Excel, and use that file. Nothing was changed.",
                   where=self.where)  # fmt: skip
        self.root = package.tree(self.part)
        self.strict = namespace(self.root) == MAIN_STRICT
        if local(self.root) != "workbook" or namespace(self.root) not in (MAIN, MAIN_STRICT):
            refuse("not-a-workbook", "the file's main part is not a workbook of Excel 2007 or later",
                   "Open it in Excel and save it as .xlsx. Nothing was changed.", where=self.where,
                   got=f"{local(self.root)} in {namespace(self.root)}"[:120])  # fmt: skip
        self.n = f"{{{namespace(self.root)}}}"
        properties = find(self.root, "workbookPr")
        self.date_1904 = properties is not None and truthy(properties.get("date1904"))
        self.office = OFFICE_STRICT if self.strict else OFFICE
        self.rid = f"{{{self.office}}}id"
        self.rels = {rel.id: rel for rel in package.relationships(self.part)}
        sheets = find(self.root, "sheets")
        if sheets is None or not children(sheets):
            damaged("it has no sheet", where=self.where)
        self.sheets: Element = sheets

    def save(self) -> None:
        """Lay the workbook part as it stands now over the package."""
        self.package.put(self.part, serialise(self.root))

    def sheet_elements(self) -> list[Element]:
        """The sheets in order; those of a wrong relationship included."""
        return children(self.sheets)

    def sheet_part(self, element: Element) -> str | None:
        """Part of a sheet, where there is one."""
        rel = self.rels.get(element.get(self.rid) or "")
        return rel.target if rel is not None and not rel.external and self.package.has(rel.target) else None

    def related(self, kind: str) -> str | None:
        """The part that the workbook is related to as ``kind``."""
        found = (rel.target for rel in self.rels.values() if rel.kind == kind and not rel.external)
        return next((part for part in found if self.package.has(part)), None)

    def defined_names(self) -> list[Element]:
        """The defined names."""
        return children(find(self.root, "definedNames"))

    def tables(self) -> dict[str, Element]:
        """Root element per table part, by lower-case part name."""
        return {
            name: self.package.tree(name)
            for name in self.package.names()
            if self.package.content_type(name) == TABLE_TYPE
        }


def check_writable(book: Workbook) -> None:
    """Refuse a workbook whose owner, or whose signature, forbids that sheets are put in.

    Raises:
        RefusedError: digitally signed, structure protected, or shared the old way with a change history.
    """
    package = book.package
    root_kinds = {rel.type for rel in package.relationships("")}
    if any("digital-signature" in kind for kind in root_kinds):
        refuse("signed", "the workbook is digitally signed, and any change would void the signature",
               "Remove the signature in Excel (File, Info), or write to a copy without it. Nothing was changed.",
               where=book.where)  # fmt: skip
    protection = find(book.root, "workbookProtection")
    if protection is not None and truthy(protection.get("lockStructure")):
        refuse("protected", "the workbook's structure is protected, so its owner does not want sheets added",
               "Unprotect it in Excel (Review, Protect Workbook) and run again. Nothing was changed.",
               where=book.where)  # fmt: skip
    if any(rel.kind == "revisionHeaders" for rel in book.rels.values()):
        refuse("shared-legacy", "the workbook is shared the old way and keeps a history of changes",
               "End the sharing in Excel (Review, Unshare Workbook) and run again. Nothing was changed.",
               where=book.where)  # fmt: skip
