"""Ordinary words of company names: abbreviations, words that say little, names of places, and words known to exist."""

from __future__ import annotations

from functools import lru_cache

#: Abbreviations and number forms to one spelling. A value never is a key, so one pass is enough.
SAME = {
    short: long
    for long, shorts in {
        "manufacturing": "mfg mfgs mnfg manuf",
        "international": "intl internatl int'l intnl",
        "technology": "technol technologies tchnology",
        "engineering": "eng engrg engg",
        "industries": "inds indus industry",
        "system": "sys syst systems",
        "national": "natl",
        "american": "amer",
        "product": "prods products prdts",
        "service": "svc svcs serv srvc srvcs services",
        "solution": "soln solns solutions sol",
        "equipment": "equip eqpt",
        "management": "mgmt mgt mngmt",
        "association": "assn assoctn",
        "associates": "assocs associate",
        "laboratories": "lab labs laboratory",
        "brothers": "bros brother",
        "center": "ctr cntr centre centers centres",
        "university": "univ",
        "hospital": "hosp hospitals",
        "department": "dept",
        "distribution": "distrib",
        "cooperative": "coop coops cooperatives",
        "communication": "comms communications",
        "electronic": "electronics",
        "enterprise": "ent entpr enterprises",
        "financial": "finl fncl",
        "government": "govt",
        "group": "grp groupe gruppe grupo gruppo",
        "holding": "hldg hldgs holdings holdco",
        "insurance": "insur",
        "investment": "investments invs",
        "machine": "machines",
        "marketing": "mktg",
        "medical": "medl",
        "pharmaceutical": "pharms pharmaceuticals",
        "property": "props properties ppty ppties",
        "resource": "rsrcs resources",
        "research": "rsch",
        "transportation": "transp transportn",
        "development": "devel developments",
        "design": "designs",
        "construction": "constrn",
        "consulting": "consultancy",
        "component": "components",
        "company": "companies cos",
        "partners": "ptnrs partner",
        "automotive": "autom",
        "building": "bldg buildings",
        "chemical": "chem chems chemicals",
        "environmental": "envir environ",
        "general": "genl",
        "institute": "institut instituto",
        "material": "matl matls materials",
        "office": "offices",
        "precision": "precsn",
        "production": "productions prodn",
        "saint": "st",
        "fort": "ft",
        "mount": "mt mtn",
        "supply": "sply supplies",
        "united": "utd",
        "instrument": "instr instruments",
        "control": "controls ctrl ctrls",
        "device": "devices",
        "metal": "metals",
        "plastic": "plastics",
        "composite": "composites",
        "motor": "motors",
        "casting": "castings",
        "tool": "tools",
        "network": "networks netwk",
        "store": "stores",
        "brand": "brands",
        "restaurant": "restaurants",
        "lifescience": "lifesciences",
        "science": "sciences",
    }.items()
    for short in shorts.split()
}

#: Abbreviations of several words; each may stand for any of them and for no other abbreviation.
SHORT_FOR = {
    short: frozenset(longs.split())
    for short, longs in {
        "tech": "technology technical technique", "techs": "technology", "elec": "electric electronic electrical",
        "electr": "electric electronic electrical", "assoc": "association associates", "assocs": "associates",
        "comm": "communication commercial community", "comp": "component computer", "prop": "property propane",
        "res": "resource research residential", "dev": "development", "des": "design", "ind": "industries industrial",
        "mfr": "manufacturing manufacturer", "mfrs": "manufacturing manufacturers",
        "engr": "engineering engineers", "constr": "construction constructors", "const": "construction",
        "consult": "consulting consultants", "prod": "product production", "med": "medical medicine medicinal",
        "prec": "precision", "fin": "financial finance", "ins": "insurance", "inv": "investment investors",
        "invest": "investment investors", "env": "environmental", "gen": "general generation", "inst": "institute",
        "mach": "machine machining machinery", "ptr": "partners", "pharm": "pharmaceutical pharmacy pharmacies",
        "pharma": "pharmaceutical pharmacy", "transp": "transportation transport",
        "trans": "transportation transport", "auto": "automotive automobile automation", "off": "office",
        "nat": "national natural", "serv": "service", "hosp": "hospital hospitality",
        "agri": "agricultural agriculture",
        "agric": "agricultural agriculture", "admin": "administration", "coll": "college", "sch": "school",
        "comml": "commercial", "dept": "department", "div": "division", "edu": "education", "fed": "federal",
        "fdn": "foundation", "found": "foundation", "info": "information", "lib": "library", "maint": "maintenance",
        "mgr": "manager", "mkt": "market marketing", "mtg": "mortgage", "mun": "municipal", "muni": "municipal",
        "org": "organization", "pkg": "packaging", "phys": "physical physicians", "pub": "public publishing",
        "ref": "refining", "rehab": "rehabilitation", "rest": "restaurant", "sec": "security securities",
        "spec": "specialty specialties", "sup": "supply", "surg": "surgical surgery", "telecom": "telecommunications",
        "util": "utilities utility", "vet": "veterinary", "bio": "biological biotechnology",
        "ortho": "orthopedic orthodontics",
        "cntrl": "central control", "cons": "consolidated construction", "consol": "consolidated", "cty": "county city",
        "cnty": "county", "dist": "distribution district", "distr": "distribution district",
        "cap": "capital", "acq": "acquisition", "ent": "enterprise entertainment", "entmt": "entertainment",
        "tr": "trust", "gt": "great", "bus": "business", "pac": "pacific", "atl": "atlantic", "indep": "independent",
        "nw": "northwest northwestern", "ne": "northeast northeastern", "sw": "southwest southwestern",
        "se": "southeast southeastern", "wm": "william", "chas": "charles", "geo": "george", "jas": "james",
        "thos": "thomas", "hnos": "hermanos", "gebr": "gebruder gebrueder", "ets": "etablissements",
        "nachf": "nachfolger",
        "robt": "robert", "jos": "joseph", "benj": "benjamin", "saml": "samuel", "danl": "daniel",
    }.items()
}  # fmt: skip

#: Words near in sound or sense that name two things: "electric" is not "electronic".
RELATED = {
    frozenset(pair)
    for pair in (
        ("technology", "technical"), ("industries", "industrial"), ("electronic", "electrical"),
        ("electronic", "electric"), ("electrical", "electric"), ("engineering", "engineers"),
        ("manufacturing", "manufacturers"), ("manufacturing", "manufacturer"), ("product", "production"),
        ("financial", "finance"), ("pharmaceutical", "pharmacy"), ("design", "designer"), ("marketing", "market"),
        ("medical", "medicine"), ("construction", "constructors"), ("partners", "partnership"),
        ("communication", "telecommunication"), ("distribution", "distributor"), ("distribution", "distributors"),
        ("service", "servicing"), ("machine", "machining"), ("mold", "molding"), ("printing", "printer"),
        ("consulting", "consultants"), ("transportation", "transport"), ("bank", "banking"), ("school", "schools"),
    )
}  # fmt: skip
#: Canonical word to its full spellings, which a slip of the pen is compared with.
SPELLINGS: dict[str, tuple[str, ...]] = {}
for _short, _long in sorted(SAME.items()):
    if len(_short) >= 5:
        SPELLINGS[_long] = (*SPELLINGS.get(_long, ()), _short)

#: Points of the compass, where they are written as a letter.
DIRECTIONS = {"n": "north", "s": "south", "e": "east", "w": "west"}
_ROMAN = "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv".split()
#: Numbers in words and in Roman figures to digits, and ordinals alike; one letter alone is no number.
NUMBERS = {word: str(number) for number, word in enumerate(_ROMAN, 1) if len(word) > 1} | {
    word: str(number)
    for number, words in enumerate(
        "zero|one first 1st|two second 2nd|three third 3rd|four fourth 4th|five fifth 5th|six sixth 6th"
        "|seven seventh 7th"
        "|eight eighth 8th|nine ninth 9th|ten tenth 10th|eleven eleventh 11th|twelve twelfth 12th|thirteen 13th"
        "|fourteen 14th|fifteen 15th|sixteen 16th|seventeen 17th|eighteen 18th|nineteen 19th|twenty 20th".split("|")
    )
    for word in words.split()
}
TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}

#: Heads of institutions, in whose names "X University" and "University of X" are two.
INSTITUTIONS = frozenset(
    "university college bank school hospital institute academy city county church trust museum library society".split()
)

#: Words that make one name of another by where they stand: "Community First" is not "First Community".
MODIFIERS = frozenset(
    """
    american national united first general community citizens peoples farmers merchants state federal central capital
    western eastern northern southern new old great international global universal pacific atlantic trust savings
    security union credit city county royal
    """.split()
)

#: Words that name no trade: a name with one of them and the name without it are mostly one company.
FILLER = frozenset(
    """
    group holding international company co corp inc ltd llc global worldwide enterprise the of de at and com net online
    new brand sa ag nv plc se ab kg gmbh spa as class adr common stock shares ordinary bancorp bancshares platforms na
    dba
    """.split()
)
#: Words of trade that very many companies have in their names; they count as frequent in a short list too.
TRADE = frozenset(
    """
    industries technology system service solution product partners associates trust store financial resource digital
    management capital ventures manufacturing engineering communication pharmaceutical property reit operations
    energy foundation institute equipment design consulting construction medical dental machine tool component motor
    plastic metal casting electronic automotive precision fabrication packaging research network laboratories
    chemical material supply bank insurance development investment security healthcare therapeutics sciences
    logistics transportation work works mill college institute academy marketing media software labs bio
    entertainment realty acquisition robotics molding foundry welding instrument device control controls aerospace
    defense marine optics composite american national united first general advanced premier superior quality
    universal integrated custom applied modern innovative dynamic allied us usa america americas north south east
    west northern southern eastern western pacific atlantic central
    """.split()
)
#: The ones that people leave out when they speak of a company ("Uber" for Uber Technologies).
SPOKEN_WITHOUT = FILLER | frozenset(
    "industries technology solution partners therapeutics brand laboratories trust software pharmaceutical".split()
)

#: Fillers that tell funds and sisters apart unless they stand last.
SCOPES = frozenset("international global worldwide new online na".split())

#: Large cities: a name with one of them at its end mostly is a branch.
CITIES = frozenset(
    """
    albuquerque amsterdam anaheim anchorage arlington atlanta auckland austin bakersfield baltimore bangalore bangkok
    barcelona beijing berlin birmingham boise bogota bordeaux boston bremen brisbane bristol brussels bucharest budapest
    buffalo calgary charlotte chattanooga chennai chicago cincinnati cleveland cologne columbus copenhagen dallas dayton
    delhi denver detroit dortmund dresden dubai dublin durham dusseldorf edinburgh edmonton eindhoven frankfurt fresno
    geneva genoa glasgow gothenburg greensboro guadalajara hamburg hannover hanover helsinki honolulu houston hyderabad
    indianapolis istanbul jacksonville jakarta johannesburg kyoto lagos leeds leipzig lille lima lisbon liverpool london
    louisville lyon madrid malmo manchester manila marseille melbourne memphis miami milan milano milwaukee minneapolis
    monterrey montreal moscow mumbai munich nagoya nairobi naples nashville newark norfolk nuremberg oakland omaha
    orlando osaka oslo ottawa paris perth philadelphia phoenix pittsburgh portland porto prague quebec raleigh richmond
    riga rochester rome rotterdam sacramento santiago seattle seoul shanghai sheffield shenzhen singapore sofia spokane
    stockholm strasbourg stuttgart sydney taipei tallinn tampa tokyo toledo toronto toulouse tucson tulsa turin valencia
    vancouver venice vienna vilnius warsaw wichita winnipeg wuhan zagreb zurich
    """.split()
)

#: Parts of a country that branches are named after.
REGIONS = frozenset(
    """
    northeast northwest southeast southwest midwest east west north south central eastern western northern southern
    emea apac latam europe asia africa americas iberia benelux nordic nordics scandinavia
    """.split()
)

COUNTRIES = {
    alias: code
    for code, aliases in {
        "us": "us|usa|united states|united states of america|america|u s|u s a|etats unis|estados unidos|eeuu",
        "gb": "gb|uk|united kingdom|great britain|england|scotland|wales|northern ireland|britain",
        "de": "germany|deutschland|allemagne|alemania|ger|deu",
        "fr": "france|frankreich|francia|fra",
        "ca": "canada|can|kanada",
        "mx": "mexico|mex",
        "it": "italy|italia|italien|ita",
        "es": "spain|espana|spanien|esp",
        "nl": "netherlands|the netherlands|holland|nederland|niederlande|nld",
        "be": "belgium|belgique|belgie|belgien",
        "ch": "switzerland|schweiz|suisse|svizzera|che",
        "at": "austria|osterreich|aut",
        "pl": "poland|polska|pol",
        "cz": "czech republic|czechia|cesko",
        "se": "sweden|sverige|swe",
        "no": "norway|norge|nor",
        "dk": "denmark|danmark|dnk",
        "fi": "finland|suomi|fin",
        "pt": "portugal|prt",
        "ie": "ireland|eire|irl",
        "jp": "japan|jpn|日本",
        "cn": "china|prc|peoples republic of china|chn|中国",
        "tw": "taiwan|twn",
        "hk": "hong kong|hkg|hongkong",
        "kr": "korea|south korea|republic of korea|kor|한국",
        "in": "india|ind",
        "sg": "singapore|sgp",
        "my": "malaysia|mys",
        "id": "indonesia|idn",
        "th": "thailand|tha",
        "ph": "philippines|philipines|phl",
        "vn": "vietnam|viet nam|vnm",
        "au": "australia|aus",
        "nz": "new zealand|nzl",
        "br": "brazil|brasil|bra",
        "ar": "argentina|arg",
        "cl": "chile|chl",
        "co": "colombia|col",
        "pe": "peru|per",
        "za": "south africa|zaf|rsa",
        "ke": "kenya|ken",
        "eg": "egypt|egy",
        "ng": "nigeria|nga",
        "tr": "turkey|turkiye|tur",
        "il": "israel|isr",
        "sa": "saudi arabia|ksa|sau",
        "ae": "united arab emirates|uae|are",
        "ru": "russia|russian federation|rus|россия",
        "ua": "ukraine|ukr|україна",
        "gr": "greece|hellas|grc",
        "ro": "romania|rou",
        "hu": "hungary|magyarorszag|hun",
        "jo": "jordan|jor",
        "pa": "panama|pan",
        "lu": "luxembourg|lux",
        "bm": "bermuda|bmu", "vg": "british virgin islands|bvi", "gg": "guernsey", "je": "jersey", "mu": "mauritius",
        "cy": "cyprus|zypern", "bg": "bulgaria", "hr": "croatia|hrvatska", "rs": "serbia|srbija",
        "sk": "slovakia|slovensko",
        "si": "slovenia|slovenija", "ee": "estonia|eesti", "lv": "latvia|latvija", "lt": "lithuania|lietuva",
        "is": "iceland|island", "mt": "malta", "by": "belarus", "kz": "kazakhstan", "uz": "uzbekistan",
        "pk": "pakistan",
        "bd": "bangladesh", "lk": "sri lanka", "np": "nepal", "mm": "myanmar", "kh": "cambodia", "qa": "qatar",
        "kw": "kuwait", "bh": "bahrain", "om": "oman", "lb": "lebanon", "iq": "iraq", "ir": "iran",
        "ma": "morocco|maroc",
        "dz": "algeria|algerie", "tn": "tunisia|tunisie", "gh": "ghana", "tz": "tanzania", "ug": "uganda",
        "zm": "zambia", "zw": "zimbabwe", "bw": "botswana", "na": "namibia", "mz": "mozambique", "ao": "angola",
        "cm": "cameroon", "sn": "senegal", "ci": "ivory coast|cote divoire", "et": "ethiopia", "rw": "rwanda",
        "uy": "uruguay", "py": "paraguay", "bo": "bolivia", "ec": "ecuador", "ve": "venezuela", "cr": "costa rica",
        "gt": "guatemala", "hn": "honduras", "sv": "el salvador", "ni": "nicaragua", "do": "dominican republic",
        "cu": "cuba", "jm": "jamaica", "tt": "trinidad|trinidad and tobago",
        "ky": "cayman islands|cayman",
    }.items()
    for alias in aliases.split("|")
}  # fmt: skip

STATES = {
    alias: code
    for code, aliases in {
        "al": "alabama|ala", "ak": "alaska", "az": "arizona|ariz", "ar": "arkansas|ark", "ca": "california|calif|cal",
        "co": "colorado|colo", "ct": "connecticut|conn", "de": "delaware|del", "fl": "florida|fla", "ga": "georgia",
        "hi": "hawaii", "id": "idaho", "il": "illinois|ill", "in": "indiana", "ia": "iowa", "ks": "kansas|kan|kans",
        "ky": "kentucky", "la": "louisiana", "me": "maine", "md": "maryland", "ma": "massachusetts|mass",
        "mi": "michigan|mich", "mn": "minnesota|minn", "ms": "mississippi|miss", "mo": "missouri", "mt": "montana|mont",
        "ne": "nebraska|neb|nebr", "nv": "nevada|nev", "nh": "new hampshire", "nj": "new jersey", "nm": "new mexico",
        "ny": "new york", "nc": "north carolina|n carolina", "nd": "north dakota", "oh": "ohio", "ok": "oklahoma|okla",
        "or": "oregon|ore", "pa": "pennsylvania|penn|penna", "ri": "rhode island", "sc": "south carolina|s carolina",
        "sd": "south dakota", "tn": "tennessee|tenn", "tx": "texas|tex", "ut": "utah", "vt": "vermont",
        "va": "virginia", "wa": "washington|wash", "wv": "west virginia", "wi": "wisconsin|wis|wisc",
        "wy": "wyoming|wyo", "dc": "district of columbia|washington dc", "pr": "puerto rico",
        "as": "american samoa", "gu": "guam",
        "vi": "virgin islands",
        "on": "ontario|ont", "qc": "quebec|que|pq", "bc": "british columbia", "ab": "alberta|alta",
        "mb": "manitoba", "sk": "saskatchewan|sask", "ns": "nova scotia", "nb": "new brunswick",
        "nl": "newfoundland|newfoundland and labrador", "pe": "prince edward island",
    }.items()
    for alias in (code, *aliases.split("|"))
}  # fmt: skip

#: What may stand after a slash at the end of a name ("ACME CORP /DE/", "ACME AG/ADR") and is no part of it.
SLASH_MARKS = frozenset(
    set(STATES) | set(COUNTRIES) | set(COUNTRIES.values()) | {"adr", "new", "fi", "can", "wi", "de"}
)


@lru_cache(maxsize=1)
def known_words() -> frozenset[str]:
    """Words, surnames and first names that exist: two of them are two, however few letters lie between.

    From the frequency lists of zxcvbn (English, with the surnames and first names of the US census) and the lists here.
    """
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    words = {word for ranked in FREQUENCY_LISTS.values() for word in ranked if word.isalpha()}
    return frozenset(words | set(SAME) | set(SAME.values()) | TRADE | FILLER | CITIES)


@lru_cache(maxsize=1)
def common_words() -> frozenset[str]:
    """Ordinary words of English, without names: what a slip of the pen is most often a slip of."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    words = {*FREQUENCY_LISTS["english_wikipedia"][:12_000], *FREQUENCY_LISTS["us_tv_and_film"]}
    return frozenset(word for word in words if word.isalpha()) - personal_names() | set(SAME.values()) | TRADE


@lru_cache(maxsize=1)
def personal_names() -> frozenset[str]:
    """Surnames and first names."""
    from zxcvbn.frequency_lists import FREQUENCY_LISTS

    lists = ("surnames", "female_names", "male_names")
    return frozenset(word for name in lists for word in FREQUENCY_LISTS[name])
