"""Ordinary words of company names: abbreviations, words that say little, and names of places."""

from __future__ import annotations

#: Abbreviations and number forms to one spelling. A value never is a key, so one pass is enough.
SAME = {
    short: long
    for long, shorts in {
        "manufacturing": "mfg mfr mfrs mnfg manuf manufacture manufactures manufacturer manufacturers",
        "international": "intl internatl int'l intnl",
        "technology": "tech techs technol technologies tchnology",
        "engineering": "eng engr engrg engg",
        "industries": "ind inds indus industry",
        "system": "sys syst systems",
        "national": "natl nat",
        "american": "amer",
        "product": "prod prods products prdts",
        "service": "svc svcs serv srvc srvcs services",
        "solution": "soln solns solutions sol",
        "equipment": "equip eqpt",
        "management": "mgmt mgt mngmt",
        "association": "assn assoc assoctn",
        "associates": "assocs associate",
        "laboratories": "lab labs laboratory",
        "brothers": "bros brother",
        "center": "ctr cntr centre centers centres",
        "university": "univ",
        "hospital": "hosp hospitals",
        "department": "dept",
        "distribution": "dist distr distrib",
        "communication": "comm comms communications",
        "electronic": "elec electr electronics",
        "enterprise": "ent entpr enterprises",
        "financial": "fin finl fncl",
        "government": "govt",
        "group": "grp groupe gruppe grupo gruppo",
        "holding": "hldg hldgs holdings holdco",
        "insurance": "ins insur",
        "investment": "inv invest investments invs",
        "machine": "mach machines",
        "marketing": "mktg",
        "medical": "med",
        "pharmaceutical": "pharm pharma pharms pharmaceuticals",
        "property": "prop props properties ppty ppties",
        "resource": "res rsrcs resources",
        "research": "rsch",
        "transportation": "transp transport trans",
        "development": "dev devel developments",
        "design": "designs des",
        "construction": "constr const",
        "consulting": "consult consultants consultancy",
        "component": "comp components",
        "company": "companies cos",
        "partners": "ptnrs ptr partner",
        "automotive": "auto",
        "building": "bldg buildings",
        "chemical": "chem chems chemicals",
        "environmental": "env envir",
        "general": "gen genl",
        "institute": "inst",
        "material": "matl matls materials",
        "office": "off",
        "precision": "prec",
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

#: Words that share an abbreviation or are taken for each other; what one of them says, the other nearly says.
RELATED = {
    frozenset(pair)
    for pair in (
        ("technology", "technical"), ("technology", "tech"), ("industries", "industrial"), ("electronic", "electrical"),
        ("electronic", "electric"), ("electrical", "electric"), ("engineering", "engineer"),
        ("manufacturing", "manufactured"), ("product", "production"), ("financial", "finance"),
        ("pharmaceutical", "pharmacy"), ("design", "designer"), ("marketing", "market"), ("medical", "medicine"),
        ("construction", "constructors"), ("partners", "partnership"), ("laboratories", "lab"),
        ("communication", "telecommunication"), ("distribution", "distributor"), ("distribution", "distributors"),
        ("service", "servicing"), ("machine", "machining"), ("mold", "molding"), ("printing", "printer"),
    )
}  # fmt: skip
#: Canonical word to its full spellings, which a slip of the pen is compared with.
SPELLINGS: dict[str, tuple[str, ...]] = {}
for _short, _long in sorted(SAME.items()):
    if len(_short) >= 5:
        SPELLINGS[_long] = (*SPELLINGS.get(_long, ()), _short)
for _one, _other in sorted(tuple(sorted(pair)) for pair in RELATED):
    if min(len(_one), len(_other)) >= 6:
        SPELLINGS[_one] = (*SPELLINGS.get(_one, ()), _other)
        SPELLINGS[_other] = (*SPELLINGS.get(_other, ()), _one)

#: Words that name no trade: a name with one of them and the name without it are mostly one company.
FILLER = frozenset(
    """
    group holding international company co corp inc ltd llc global worldwide enterprise the of de and com net online new
    brand sa ag nv plc se ab kg gmbh spa as class adr common stock shares ordinary bancorp bancshares platforms na dba
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
#: Of these, the ones that people leave out when they speak of a company ("Uber" for Uber Technologies).
SPOKEN_WITHOUT = FILLER | frozenset(
    """
    industries technology system solution product partners financial resource communication pharmaceutical energy
    therapeutics brand laboratories network capital properties property trust insurance store american national us usa
    america electronic instrument digital media entertainment management realty software service
    """.split()
)

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
        "bm": "bermuda|bmu",
        "ky": "cayman islands|cayman",
    }.items()
    for alias in aliases.split("|")
}

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
