"""What the owner of a workbook has asked of those who open it, short of forbidding them to change it."""

from __future__ import annotations

from icp_xl.opc.unsupported import refuse
from icp_xl.opc.workbook_part import Workbook
from icp_xl.opc.xml import children, descendants, find, local, truthy


def owner_wishes(book: Workbook, *, tables: bool) -> list[str]:
    """In words: a password to modify, read-only recommended, marked as final, custom views.

    Args:
        tables: whether what is put in brings a table, which greys Custom Views out.
    """
    found, package = [], book.package
    sharing = find(book.root, "fileSharing")
    if sharing is not None:
        if any(sharing.get(name) for name in ("reservationPassword", "hashValue")):
            found.append("it has a password to modify")
        if truthy(sharing.get("readOnlyRecommended")):
            found.append("it is recommended to be opened read-only")
    for rel in package.relationships(""):
        if rel.kind == "custom-properties" and not rel.external and package.has(rel.target):
            for item in children(package.tree(rel.target)):
                value = "".join(item.itertext()).strip().lower()
                if item.get("name") == "_MarkAsFinal" and value in ("1", "true"):
                    found.append("it is marked as final")
    views = find(book.root, "customWorkbookViews")
    if tables and views is not None and any(local(view) for view in children(views)):
        theirs = any(True for root in book.tables().values() for _ in descendants(root, "tableColumns"))
        if not theirs:
            found.append("it has custom views, which Excel greys out as soon as a sheet holds a table, as ours do")
    return found


def check_wishes(book: Workbook, *, tables: bool, force: bool) -> list[str]:
    """The owner's wishes that are passed over.

    Raises:
        RefusedError: there are some, and ``force`` is not given.
    """
    found = owner_wishes(book, tables=tables)
    if found and not force:
        refuse("owner-asks", "the owner of the workbook asks for care: " + "; ".join(found),
               "Ask the owner, or write to a copy with --out, or say --force. Nothing was changed.",
               where=book.where)  # fmt: skip
    return found
