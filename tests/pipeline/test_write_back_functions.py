"""``icp-xl write-back BOOK --functions``: in, again, out; never over what is the user's; and what may be mailed."""

from __future__ import annotations

import hashlib
import re
import zipfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl.workbook.defined_name import DefinedName

import icp_xl
from icp_xl.cli import run
from icp_xl.delivery.sharing.safe_copy import make_safe
from icp_xl.delivery.sharing.shareable import check_shareable
from icp_xl.errors import ConfigError, DeliveryError, SourceError
from icp_xl.opc.unsupported import RefusedError
from icp_xl.samples import write_samples
from tests.support.validator import validate


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scored")
    write_samples(folder / "books", accounts=60, lines=700)
    options = ["--quiet", "--set", "reports.live=false", "--data", str(folder / "books"), "--out", str(folder / "out")]
    assert run(["score", *options]) == 0
    return folder / "out"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """A workbook of the user's with a formula that calls one of the functions, and a name of his own."""
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.title = "Mine"
    sheet["A1"], sheet["B1"] = "Electronics", 1_000_000
    sheet["C1"] = "=B1*2"
    made.defined_names["Best"] = DefinedName("Best", attr_text="Mine!$A$1")
    path = tmp_path / "mine.xlsx"
    made.save(path)
    return path


def parts(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as package:
        return {name: hashlib.sha256(package.read(name)).hexdigest() for name in package.namelist()}


def names(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as package:
        text = package.read("xl/workbook.xml").decode()
    return dict(re.findall(r'<definedName name="([^"]+)"[^>]*>([^<]*)<', text))


def put(book: Path, out: Path, **more: object) -> list[str]:
    return list(icp_xl.write_back(book, {"paths.out": str(out)}, functions=True, **more).summary())  # type: ignore[arg-type]


def edit(book: Path, **cells: str) -> None:
    made = openpyxl.load_workbook(book)
    for cell, value in cells.items():
        made["Mine"][cell] = value
    made.save(book)


def test_in_again_and_out(book: Path, out: Path) -> None:
    before, faults = parts(book), validate(book)
    for _ in range(2):
        said = "\n".join(put(book, out))
        after, found = parts(book), names(book)
        assert after["xl/worksheets/sheet1.xml"] == before["xl/worksheets/sheet1.xml"]
        assert len(validate(book)) == len(faults)
        assert found["ICP_SCORE"].startswith("_xlfn.LAMBDA(_xlpm.industry,") and found["Best"] == "Mine!$A$1"
        assert not [name for name in found if re.search(r"_\d$", name) and not name.startswith("_icpxl")]
        with zipfile.ZipFile(book) as package:
            assert b'fullCalcOnLoad="1"' in package.read("xl/workbook.xml")
        assert openpyxl.load_workbook(book).sheetnames == ["Mine", "ICP Functions", "ICP Accounts"]
        assert "ICP_LOOKUP can be typed" in said and "earlier versions show #NAME?" in said
        assert re.search(r"(\d+) of \1 accounts", said)
    assert run(["write-back", str(book), "--remove", "--quiet"]) == 0
    assert parts(book) == before


@pytest.mark.parametrize("scope", ["workbook", "sheet"])
@pytest.mark.parametrize("name", ["icp_Score", "icp_fn_each"])
def test_names_of_the_users_own_are_never_overwritten(book: Path, out: Path, name: str, scope: str) -> None:
    made = openpyxl.load_workbook(book)
    where = made.defined_names if scope == "workbook" else made["Mine"].defined_names
    where[name] = DefinedName(name, attr_text="Mine!$B$1")
    made.save(book)
    before = book.read_bytes()
    with pytest.raises(RefusedError, match=f"names of its own .*{name}"):
        put(book, out)
    assert book.read_bytes() == before


def test_names_of_constants_give_way(book: Path, out: Path) -> None:
    made = openpyxl.load_workbook(book)
    made.defined_names["icp_knots"] = DefinedName("icp_knots", attr_text="Mine!$B$1")
    made.save(book)
    put(book, out)
    found = names(book)
    assert found["icp_knots"] == "Mine!$B$1" and "icp_knots_2" in found["icp_fn_percentile"]
    assert not re.search(r"icp_knots\b", found["icp_fn_percentile"])


def test_what_calls_a_function_keeps_it_from_being_taken_out(book: Path, out: Path) -> None:
    put(book, out)
    edit(book, C1="=ICP_SCORE(A1,B1,1,2,3)", C2='="ICP_SCORE("')
    with pytest.raises(RefusedError, match=r"Mine!C1"):
        icp_xl.write_back(book, {}, remove=True)
    put(book, out)
    assert openpyxl.load_workbook(book)["Mine"]["C1"].value == "=ICP_SCORE(A1,B1,1,2,3)"
    said = icp_xl.write_back(book, {}, remove=True, force=True).summary()
    # Its text stays, as when Excel deletes a name: the add-in, or the next run, gives it a meaning again.
    assert openpyxl.load_workbook(book)["Mine"]["C1"].value == "=ICP_SCORE(A1,B1,1,2,3)"
    assert "#NAME?" in " ".join(said) and not names(book).keys() & {"ICP_SCORE", "icp_knots"}


def test_cells_of_the_add_in_are_said(book: Path, out: Path) -> None:
    edit(book, C1="=[1]!ICP_SCORE(A1,B1,1,2,3)", C2="=[1]!ICP_GRADE(A1,B1,1,2,3)")
    assert any(line.startswith("2 cells call the add-in's functions") for line in put(book, out))


def test_fewer_accounts_are_said_and_none_leaves_the_lookup_out(book: Path, out: Path) -> None:
    settings = {"paths.out": str(out), "delivery.functions_accounts": 10}
    said = " ".join(icp_xl.write_back(book, settings, functions=True).summary())
    assert re.search(r" 10 of \d\d accounts", said) and "delivery.functions_accounts" in said
    said = " ".join(icp_xl.write_back(book, {**settings, "delivery.functions_accounts": 0}, functions=True).summary())
    assert "ICP_LOOKUP can" not in said and "ICP_LOOKUP" not in names(book)
    assert openpyxl.load_workbook(book).sheetnames == ["Mine", "ICP Functions"]


def test_safe_to_send_with_the_functions_but_never_in_a_readers_copy(book: Path, out: Path, tmp_path: Path) -> None:
    put(book, out)
    edit(book, C1="=ICP_SCORE(A1,B1,1,2,3)")
    copy = tmp_path / "copy.xlsx"
    make_safe(book, copy)
    found = check_shareable(copy)
    assert found.safe and {each.kind for each in found.findings} == {"score-model"}
    assert openpyxl.load_workbook(copy)["Mine"]["C1"].value == "=ICP_SCORE(A1,B1,1,2,3)"
    assert "ICP_SCORE" in names(copy)
    # One that the workbook does not define is the add-in's.
    edit(copy, C2="=ICP_SCORE(A1,B1,1,2,3)+ICP_WHATIF(A1)")
    assert [each.got for each in check_shareable(copy).findings if each.unsafe] == ["ICP_WHATIF"]
    (out / "shared").mkdir(exist_ok=True)
    theirs = out / "shared" / "Ann.xlsx"
    theirs.write_bytes(copy.read_bytes())
    with pytest.raises(DeliveryError, match="a copy to send"):
        put(theirs, out)
    assert theirs.read_bytes() == copy.read_bytes()


def test_what_cannot_be_done_is_said(book: Path, out: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="by themselves.*columns"):
        put(book, out, columns="Acct ID")
    with pytest.raises(SourceError, match="no scored accounts"):
        put(book, tmp_path / "nowhere")
    with pytest.raises(SourceError, match="does not exist"):
        put(tmp_path / "no.xlsx", out)
    before = book.read_bytes()
    assert run(["write-back", str(book), "--functions", "--dry-run", "--quiet", "--set", f"paths.out={out}"]) == 0
    assert book.read_bytes() == before
