"""Legal forms of companies in many countries, as they look after :func:`icp_xl.tables.names.normalize_name` cleaned
a name's letters (lower case, no accents, no punctuation, single letters joined: ``S.p.A.`` is ``spa``).

A suffix is taken off the end, a prefix off the beginning, as often as one is found and something is left. The list
holds forms whose abbreviations do not double as ordinary words; where they do (``AO`` as in A. O. Smith, ``SAS`` as in
SAS Institute), only the safe side is listed.
"""

from __future__ import annotations

#: Several spellings of one word, so that a form inside a name ("Packaging Corporation of America") compares equal.
WORDS = {
    "incorporated": "inc", "incorporation": "inc", "incorp": "inc", "incorporee": "inc", "inc": "inc",
    "corporation": "corp", "corporations": "corp", "corpn": "corp", "corporacion": "corp", "corporate": "corp",
    "company": "co", "compagnie": "co", "compania": "co", "compagnia": "co", "companhia": "co", "cia": "co",
    "cie": "co", "coy": "co",
    "limited": "ltd", "lmtd": "ltd", "ltee": "ltd", "limitee": "ltd", "limitada": "ltda", "limted": "ltd",
    "proprietary": "pty", "private": "pvt", "berhad": "bhd", "sendirian": "sdn", "aktiengesellschaft": "ag",
    "aktiebolag": "ab", "aktiebolaget": "ab", "osakeyhtio": "oy", "aksjeselskap": "as", "aktieselskab": "as",
    "anpartsselskab": "aps", "gesmbh": "gmbh",
}  # fmt: skip

_SUFFIXES = """
inc|corp|co|ltd|llc|lc|llp|lllp|lp|pllc|pc|pa|na|plc|public ltd co|public co|public ltd|ulc|unltd|dac|clg|cic|cio|gp
professional corp|professional association|pte ltd|pte|pvt ltd|pvt|pty ltd|pty|propr ltd|ltd liability co
limited liability co|ltd liability partnership|ltd partnership|national association|dba
gmbh|ggmbh|mbh|ges mbh|ag|kg|kgaa|ohg|gbr|ug|ug haftungsbeschrankt|haftungsbeschrankt|ek|ekfr|ekfm|ev|eg|se|partg
partg mbb|co kg|co kgaa|co ohg|stiftung co kg|ewiv
sa|sas|sasu|sarl|eurl|snc|sca|scs|sci|selarl|gie|scop|srl|sprl|bvba|scrl|asbl|vzw|nv|bv|vof|cv|cvba
besloten vennootschap|naamloze vennootschap
spa|srls|sapa|societa per azioni|scarl|soc coop|sas di|sl|slu|slp|sau|sociedad anonima|sociedad limitada|scoop|aie
lda|unipessoal lda|ltda|me|epp|eireli|sgps|sociedade anonima
sa de cv|sab de cv|sapi de cv|s de rl de cv|s de rl|srl de cv|sc|ac|s en c|sa esp|sac|saa|eirl|spa ltda|ca|cpor a
ab|publ|hb|as|asa|ans|da|nuf|aps|ivs|k s|oy|oyj|abp|ky|ay|ry|ehf|hf|ohf
sp zoo|spzoo|sp z oo|spolka z oo|spolka akcyjna|sp k|spk|sp j|spj|ska
sro|spol sro|spol s ro|ks|vos|zs|doo|dd|jdoo|ad|ead|ood|eood|et|dno|dooel
kft|bt|zrt|nyrt|rt|kkt|srl d|sc sa|pfa
oou|ou|sia|uab|mb|vsi|tob|tov|prat|pat
ooo|oao|zao|pao|too|ooo ltd
sh pk|shpk|sha|epe|ae|ike|abee|oe|ee
as ti|anonim sirketi|limited sirketi|ltd sti|sti|san tic ltd sti|san ve tic as|san tic as
kk|kabushiki kaisha|yk|yugen kaisha|gk|godo kaisha|co ltd|jsc|pjsc|ojsc|cjsc|ojs|tbk|persero|persero tbk|pt|sdn bhd|bhd
amba|smba|plt|jv|fze|fzco|fzc|fz llc|fzllc|wll|bsc|saog|saoc|saj|sal|spc|qsc|kscc|kscp|llc fz|est
ltd sti|xk|corp ltd|group ltd liability co|rf|soc|cc
адвокат|ооо|оао|зао|пао|ао|тов|пат|прат|ад|оод|еоод|еад|ет|дп|тоо|ип|нпо|ано|ску
ае|ооо|дд|доо|єоод|фоп|ат|пп|фгуп|гуп|муп|оао|уп|чп|сп|ск|общество с ограниченной ответственностью
επε|ικε|οε|εε|αε|αβεε|αεβε|μον επε|μονοπροσωπη επε|ανωνυμη εταιρεια|ανωνυμος εταιρεια|ανωνυμη εταιρια
בעמ|בע מ|חברה בעמ
المحدودة|المحدوده|محدودة|ذات مسؤولية محدودة|ذممم|ش م م|شمم|ذ م م|ش م ع|ش م ك|ش م ل|ش م ب|مساهمة|مساهمة عامة|مساهمة مقفلة
"""

_PREFIXES = """
oy|pt|ooo|oao|zao|pao|uab|sia|sarl|eurl|sci|selarl|m s|ms|messrs|firma|fa|kabushiki kaisha|yugen kaisha
ооо|оао|зао|пао|ао|тов|пат|прат|тоо|ип|нпо|ано|гк|общество с ограниченной ответственностью
акционерное общество|публичное акционерное общество|шركة|شركة|مؤسسة
"""

#: Forms written out, and how they are mostly written.
SHORT_FORMS = {
    "anonim sirketi": "as", "limited sirketi": "ltd sti", "ltd sirketi": "ltd sti", "sociedad anonima": "sa",
    "sociedade anonima": "sa", "spolka akcyjna": "sa", "societa per azioni": "spa", "naamloze vennootschap": "nv",
    "besloten vennootschap": "bv", "spolka z oo": "sp zoo", "spolka zoo": "sp zoo", "sociedad limitada": "sl",
    "общество с ограниченной ответственностью": "ооо", "публичное акционерное общество": "пао",
    "акционерное общество": "ао", "ανωνυμη εταιρεια": "αε", "ανωνυμος εταιρεια": "αε", "ανωνυμη εταιρια": "αε",
    "limited liability co": "llc", "ltd liability co": "llc",
}  # fmt: skip
#: Forms that are written against the name without a space, in scripts that use none.
GLUED = (
    "株式会社", "有限会社", "合同会社", "合資会社", "合名会社", "一般社団法人", "一般財団法人", "股份有限公司",
    "有限责任公司", "有限責任公司", "集团有限公司", "集團有限公司", "有限公司", "股份公司", "公司", "株式會社",
    "유한회사", "유한책임회사", "주식회사", "บริษัท", "จำกัด", "มหาชน",
)  # fmt: skip
#: The same in brackets: (株), （有）, (주); ㈱ becomes (株) when compatibility forms are resolved.
BRACKETED = {"株", "有", "同", "주", "유", "合", "名", "资", "資"}


def _table(text: str) -> dict[int, frozenset[tuple[str, ...]]]:
    forms: dict[int, set[tuple[str, ...]]] = {}
    for form in text.replace("\n", "|").split("|"):
        words = tuple(WORDS.get(word, word) for word in form.split())
        if words:
            forms.setdefault(len(words), set()).add(words)
    return {length: frozenset(found) for length, found in sorted(forms.items(), reverse=True)}


#: Number of words to the forms of that length, longest first.
SUFFIXES = _table(_SUFFIXES)
PREFIXES = _table(_PREFIXES)
