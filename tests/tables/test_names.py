"""Company names made comparable."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icp_xl.tables.names import fold, normalize_name

LATIN = st.text(
    alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x24F, exclude_categories=("Cc", "Cf")), max_size=40
)
ANY = st.text(max_size=40)
WORDS = st.lists(
    st.sampled_from("acme blue ridge tool dental north müller société 3m x y".split()), min_size=1, max_size=4
)
FORMS = (
    "Inc", "Inc.", ", Inc.", "LLC", "L.L.C.", "Corp.", "Corporation", "Co., Ltd.", "Limited", "Pty Ltd",
    "(Pty) Ltd", "PLC", "P.L.C.", "LLP", "GmbH", "G.m.b.H.", "GmbH & Co. KG", "AG", "KGaA", "e.K.", "S.p.A.",
    "SpA", "S.r.l.", "Sp. z o.o.", "Sp. z.o.o.", "S.A.", "SA", "SAS", "S.A.S.", "SARL", "S.à r.l.", "A/S", "ApS",
    "AB", "Oy", "Oyj", "N.V.", "NV", "B.V.", "S.A. de C.V.", "SA de CV", "S. de R.L. de C.V.", "Ltda.", "Lda",
    "d.o.o.", "s.r.o.", "a.s.", "Kft.", "Zrt.", "Sdn Bhd", "Sdn. Bhd.", "Pte. Ltd.", "Pvt. Ltd.",
    "Private Limited", "K.K.", "JSC", "OÜ", "UAB", "S.R.L.", "Public Limited Company", "/DE/", "/ADR", "(USA)",
    "- TX", "Corportaion", "Incoporated",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_legal_forms_and_marks_fall_away(form: str) -> None:
    gap = "" if form.startswith(",") else " "
    assert normalize_name(f"Blue Ridge Tool{gap}{form}").core == "blue ridge tool"


@pytest.mark.parametrize(
    ("text", "core"),
    [
        ("株式会社日立製作所", "日立製作所"),
        ("トヨタ自動車株式会社", "トヨタ自動車"),
        ("㈱東芝", "東芝"),
        ("北京字节跳动科技有限公司", "北京字节跳动科技"),
        ("주식회사 삼성전자", "삼성전자"),
        ("(주)카카오", "카카오"),
        ("ООО «Ромашка»", "ромашка"),
        ('שופרסל בע"מ', "שופרסל"),
        ("PT Astra International Tbk", "astra international"),
        ("OOO Romashka", "romashka"),
        ("M/s Sharma Traders", "sharma traders"),
        ("Ｆｕｌｌ　Ｗｉｄｔｈ Ltd", "full width"),
        ("Straße & Söhne oHG", "strasse sohne"),
        ("A. O. Smith", "ao smith"),
        ("Moody’s Corporation", "moodys"),
        ("The Travelers Companies, Inc.", "travelers"),
        ("Travelers Companies (The)", "travelers"),
        ("Amazon.com, Inc.", "amazon"),
        ("Smith Mfg. & Eng. Intl", "smith manufacturing engineering international"),
        ("Pérez y Hijos", "perez hijos"),
        ("Schmidt und Partner", "schmidt partners"),
        ("Acme c/o John Doe", "acme"),
    ],
)
def test_known_names(text: str, core: str) -> None:
    assert normalize_name(text).core == core


@pytest.mark.parametrize("mark", ["dba", "d/b/a", "DBA:", "doing business as", "t/a", "aka", "formerly", "f/k/a"])
def test_other_names_are_kept_apart(mark: str) -> None:
    assert normalize_name(f"Ridge Holdings LLC {mark} Smile Dental, Inc.").forms == ("ridge holding", "smile dental")


@pytest.mark.parametrize(
    "text", ["Inc", "The", "Company", "LLC LLC", "&", "???", "株式会社", "(USA)", "The Limited", "- TX", "-"]
)
def test_a_name_is_never_emptied(text: str) -> None:
    assert normalize_name(text).core


@pytest.mark.parametrize("text", [None, float("nan"), "", "   "])
def test_no_text_has_no_name(text: object) -> None:
    assert normalize_name(text).core == ""


def test_words_that_look_like_forms_stay_inside() -> None:
    assert normalize_name("SAS Institute Inc").core == "sas institute"
    assert normalize_name("Packaging Corporation of America").core == normalize_name("PACKAGING CORP OF AMERICA").core


@given(ANY)
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    core = normalize_name(text).core
    assert normalize_name(core).core == core


@given(ANY)
def test_something_stays_something(text: str) -> None:
    assert bool(normalize_name(text).core) == bool(fold(text).split())


@given(WORDS, st.sampled_from(FORMS))
def test_case_accents_and_spaces_do_not_count(words: list[str], form: str) -> None:
    name = " ".join(words) + f" {form}"
    core = normalize_name(name).core
    assert normalize_name(name.upper()).core == core
    assert normalize_name(name.title()).core == core
    assert normalize_name(f"  {name.replace(' ', '   ')}\t").core == core
    plain = "".join(c for c in unicodedata.normalize("NFD", name) if not unicodedata.combining(c))
    assert normalize_name(plain).core == core


@given(LATIN)
def test_composed_and_decomposed_letters_are_one(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert normalize_name(composed) == normalize_name(decomposed)
