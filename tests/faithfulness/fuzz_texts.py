"""Random texts, patterns and numbers for functions of one row, each answer compared with Google's reference implementation.

    python -m tests.faithfulness.fuzz_texts --seconds 300           others each run; prints what differs
    python -m tests.faithfulness.fuzz_texts --seed 7 LIKE FORMAT    forms that mention these

What a format, a path, a regular expression or a text to be read may be has no end, and a grid of edge values has one.
In a form `{S}` is a column of such values, `<like>` a pattern that chance makes for one query.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tests.faithfulness.fuzz_query import Generator
from tests.faithfulness.grid import VALUES
from tests.faithfulness.judge import Verdict, judge
from tests.faithfulness.world import World, table_of

T = TypeVar("T")
ROWS, AT_ONCE, SHARED = 50, 5, 150
WORDS = ("", "a", "b", "abc", "aab", "Zürich", "日本語", "a b", "ß", "İ", "é", "e\u0301", "🐟x", "A_b", "100%", "foo.bar", "x,y,,z",
         "  pad ", "\u00a0x", "aAbB", "ﬁ", "\u200b", "a\nb", "\\", "a\\b", "it's", '"q"', "%", "a%", "\x1b[0m", "a\0b", "\u2028",
         "x" * 90)  # fmt: skip
LETTERS = "aAbBéß \t.,%_\\x0123日🐟-"
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kolkata", "+02", "-05:30", "Z", "utc", "+14:00", "+15:00",
         "EST")  # fmt: skip
NUMBERS = ("inf", "-inf", "nan", "NaN", "0x1F", "-0X10", "1e", "5.", "-.5", "+5", "++5", "- 5", "1_0", "1e400", "-0", "00012",
           "9223372036854775807", "9223372036854775808", "true", " 42 ", "1.5", "-2e10", "123456789.987654321")  # fmt: skip
JSON_LEAVES = ("1", "-0", "1.0", "1e3", "null", "true", '"a"', '""', '"\\u00e9"', '"\\n"', "0.1", '"true"', '" 5 "',
               "9007199254740993", "9223372036854775808", "-0.0", '"2024-01-01"', '"a\\/b"', '"\\u001b"')  # fmt: skip
HOSTS = ("www.google.com", "example.co.uk", "localhost", "", "EXAMPLE.com", "é.com", "1.2.3.4", "[::1]", "a..b",
         ".com", "a b.c")  # fmt: skip
DATE_ELEMENTS = ("%Y", "%m", "%d", "%y", "%b", "%B", "%a", "%A", "%e", "%j", "%U", "%W", "%V", "%G", "%u", "%w",
                 "%D", "%F", "%C", "%h",
                 "%%", "-", "/", " ", "T", "é")  # fmt: skip
TIME_ELEMENTS = ("%H", "%M", "%S", "%T", "%R", "%I", "%l", "%k", "%p", "%P", "%E3S", "%E*S", "%E6S", "%r", "%X", ":",
                 ".", " ")  # fmt: skip
ZONE_ELEMENTS = ("%Z", "%z", "%Ez", "%s", "%c", "%E4Y")
CAST_ELEMENTS = ("YYYY", "YY", "MM", "MON", "MONTH", "Mon", "DD", "DDD", "DY", "Day", "HH12", "HH24", "MI", "SS",
                 "SSSSS", "FF3", "AM",
                 "TZH", "RR", "Y,YYY", "-", "/", " ", ":", '"x"')  # fmt: skip
NUMBER_ELEMENTS = ("9", "9", "0", "0", ",", ".", "S", "MI", "$", "EEEE", "X", "PR", "B", "L")
ATOMS = ("a", "b", ".", "\\d", "\\w", "\\s", "[a-c]", "[^a]", "(a)", "(?:b)", "(a|b)", "^", "$", "\\b", "é",
         "[[:alpha:]]", "(?i)a", "(b)?")  # fmt: skip
STEPS = (".a", ".b", ".c", "[0]", "[1]", '."a.b"', "['a']", ".é", ".0", '."0"', ".A", "[9]", ".a-b")
REPLACEMENTS = ("\\0", "\\1", "\\2", "x", "\\\\", "$1", "&", "é")


class Texts:
    """Makes texts from one source of chance."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.plain = Generator(chance.randrange(1 << 40))

    def word(self) -> str:
        """A word, often changed a little."""
        found = list(self.any(WORDS))
        for _ in range(self.any((0, 0, 1, 2, 3))):
            found.insert(self.chance.randrange(len(found) + 1), self.any(LETTERS))
        return "".join(found)

    def number(self) -> str:
        """What may be read as a number."""
        digits = str(self.chance.randrange(10 ** self.chance.randrange(1, 20)))
        shapes = (
            self.any(NUMBERS),
            digits,
            f"-{digits}",
            f"{digits}.{digits[:9]}",
            f"{digits[:3]}e{self.any(('-', ''))}{digits[:2]}",
        )
        return self.any(shapes)

    def moment(self) -> str:
        """What may be read as a date, a time or both, with or without a zone."""
        year = self.any((self.chance.randrange(1, 10000), 2024, 1970, 1, 9999))
        day = f"{year:04d}-{self.chance.randrange(14):02d}-{self.chance.randrange(33):{self.any(('02d', 'd'))}}"
        fraction = self.any(("", "", ".5", ".123456", ".1234567", "."))
        clock = (
            f"{self.chance.randrange(26):02d}:{self.chance.randrange(61):02d}:{self.chance.randrange(61):02d}{fraction}"
        )
        zone = self.any(("", "", " ")) + self.any(("", *ZONES))
        return self.any((day, clock, f"{day}{self.any(' Tt')}{clock}", f"{day} {clock}{zone}", f"{day}{zone}"))

    def json(self, depth: int = 3) -> str:
        """A JSON text, or nearly one."""
        shape = self.chance.random()
        if depth == 0 or shape < 0.4:
            return self.any(JSON_LEAVES)
        items = [self.json(depth - 1) for _ in range(self.chance.randrange(4))]
        if shape < 0.7:
            return f"[{', '.join(items)}]"
        return (
            "{" + ",".join(f'"{self.any(("a", "b", "c", "a.b", "", "é", "A", "0"))}": {item}' for item in items) + "}"
        )

    def regex(self) -> str:
        """A regular expression."""
        return "".join(
            self.any(ATOMS) + self.any(("", "", "*", "+", "?", "{2}", "*?")) for _ in range(self.chance.randrange(1, 4))
        )

    def url(self) -> str:
        """A URL, or nearly one."""
        scheme = self.any(("", "http://", "https://", "//", "mailto:", "HTTP://", "://"))
        return (
            scheme
            + self.any(("", "", "user@", "u:p@"))
            + self.any(HOSTS)
            + self.any(("", ":80", "/", "/p?q=1#f", "?x"))
        )

    def address(self) -> str:
        """An IP address, or nearly one."""
        four = ".".join(str(self.any((0, 1, 10, 255, 256, "01"))) for _ in range(self.any((4, 4, 3))))
        six = ":".join(self.any(("0", "1", "ffff", "", "00001", "g")) for _ in range(self.any((8, 8, 4))))
        return self.any((four, six, "::1", "2001:db8::1", "1.2.3.4 "))

    def pattern(self, elements: tuple[str, ...], most: int = 5) -> str:
        """Some of these, one after the other."""
        return "".join(self.any(elements) for _ in range(self.chance.randrange(1, most + 1)))

    def printf(self, letters: str) -> str:
        """One specification of FORMAT."""
        flags, width = self.any(("", "", "-", "+", " ", "0", "'", "#", "+0")), self.any(("", "", "5", "12"))
        return f"%{flags}{width}{self.any(('', '', '.2', '.0', '.10'))}{self.any(letters)}"

    def any(self, choices: Sequence[T]) -> T:
        """One of these."""
        return self.chance.choice(choices)


COLUMNS: dict[str, tuple[str, Callable[[Texts], str]]] = {
    "words": ("STRING", Texts.word),
    "more": ("STRING", Texts.word),
    "numbers": ("STRING", Texts.number),
    "moments": ("STRING", Texts.moment),
    "jsons": ("STRING", Texts.json),
    "urls": ("STRING", Texts.url),
    "addresses": ("STRING", Texts.address),
}
CLOCKS = ("DATE", "TIME", "DATETIME", "TIMESTAMP")
KINDS = ("INT64", "FLOAT64", "NUMERIC", "BYTES", "DATE", "DATETIME", "TIMESTAMP", "TIME", "BOOL")
# The columns that may stand for each `{…}` of a form.
PLACES = {
    "S": ("words", "more", "numbers"),
    "N": ("numbers",),
    "M": ("moments",),
    "J": ("jsons", "json", "json"),
    "T": ("jsons",),
    "U": ("urls",),
    "A": ("addresses",),
    **{kind: (kind.lower(), kind.lower()) for kind in (*KINDS, "JSON")},
    "any": ("words", *(kind.lower() for kind in KINDS)),
}
PATTERNS: dict[str, Callable[[Texts], str]] = {
    "date": lambda t: t.pattern(DATE_ELEMENTS),
    "time": lambda t: t.pattern(TIME_ELEMENTS),
    "datetime": lambda t: t.pattern(DATE_ELEMENTS + TIME_ELEMENTS),
    "timestamp": lambda t: t.pattern(DATE_ELEMENTS + TIME_ELEMENTS + ZONE_ELEMENTS),
    "cast": lambda t: t.pattern(CAST_ELEMENTS),
    "number": lambda t: t.pattern(NUMBER_ELEMENTS, 7),
    "whole": lambda t: t.printf("dixXo"),
    "real": lambda t: t.printf("feEgG"),
    "text": lambda t: t.printf("s"),
    "shown": lambda t: t.printf("tT"),
    "regex": Texts.regex,
    "replacement": lambda t: t.pattern(REPLACEMENTS, 3),
    "like": lambda t: t.pattern(("%", "_", "a", "b", "ü", "\\%", "\\_", "\\\\", ".", "日"), 6),
    "path": lambda t: "$" + t.pattern(STEPS, 3),
    "zone": lambda t: t.any(ZONES[:6]),
    "word": Texts.word,
}
# The same pattern name twice in a form is the same pattern.
FORMS = (
    *(f"SAFE_CAST({{N}} AS {kind})" for kind in ("INT64", "FLOAT64", "NUMERIC", "BOOL")),
    *(f"SAFE_CAST({{M}} AS {kind})" for kind in CLOCKS),
    "SAFE_CAST({any} AS STRING)",
    *(f"FORMAT_{kind}(<{kind.lower()}>, {{{kind}}})" for kind in CLOCKS),
    "FORMAT_TIMESTAMP(<timestamp>, {TIMESTAMP}, <zone>)",
    *(f"SAFE.PARSE_{kind}(<{kind.lower()}>, FORMAT_{kind}(<{kind.lower()}>, {{{kind}}}))" for kind in CLOCKS),
    "SAFE.PARSE_DATE('%Y-%m-%d', {M})",
    "SAFE.PARSE_TIMESTAMP('%Y-%m-%d %H:%M:%E*S%Ez', {M})",
    *(f"CAST({{{kind}}} AS STRING FORMAT <cast>)" for kind in ("DATE", "DATETIME", "TIMESTAMP")),
    *(f"CAST({{{kind}}} AS STRING FORMAT <number>)" for kind in ("INT64", "FLOAT64", "NUMERIC")),
    "SAFE_CAST(CAST({DATE} AS STRING FORMAT <cast>) AS DATE FORMAT <cast>)",
    "FORMAT(<whole>, {INT64})",
    *(f"FORMAT(<real>, {{{kind}}})" for kind in ("FLOAT64", "NUMERIC")),
    "FORMAT(<text>, {S})",
    "FORMAT(<shown>, {any})",
    *(f"{name}({{J}}, <path>)" for name in ("JSON_VALUE", "JSON_QUERY", "JSON_EXTRACT")),
    *(f"TO_JSON_STRING({name}({{J}}, <path>))" for name in ("JSON_VALUE_ARRAY", "JSON_QUERY_ARRAY")),
    *(
        f"TO_JSON_STRING({name}({{JSON}}, <path>, {{S}}))"
        for name in ("JSON_SET", "JSON_ARRAY_APPEND", "JSON_ARRAY_INSERT")
    ),
    "TO_JSON_STRING(JSON_REMOVE({JSON}, <path>))",
    "TO_JSON_STRING(JSON_STRIP_NULLS({JSON}, <path>, remove_empty => true))",
    "TO_JSON_STRING(JSON_KEYS({JSON}, 3, mode => 'lax recursive'))",
    "TO_JSON_STRING({any})",
    "TO_JSON_STRING(TO_JSON({any}))",
    "TO_JSON_STRING(STRUCT({any} AS x, {S} AS y, {JSON} AS z))",
    "TO_JSON_STRING(SAFE.PARSE_JSON({T}))",
    *(f"{name}({{JSON}})" for name in ("LAX_INT64", "LAX_FLOAT64", "LAX_STRING", "LAX_BOOL", "JSON_TYPE")),
    "SAFE.FLOAT64({JSON}, wide_number_mode => 'exact')",
    "{S} LIKE <like>",
    "REGEXP_CONTAINS({S}, <regex>)",
    "REGEXP_EXTRACT({S}, <regex>)",
    "REGEXP_INSTR({S}, <regex>)",
    "REGEXP_REPLACE({S}, <regex>, <replacement>)",
    "TO_JSON_STRING(REGEXP_EXTRACT_ALL({S}, <regex>))",
    "TO_JSON_STRING(SPLIT({S}, {S}))",
    "TO_JSON_STRING(SPLIT({S}, <word>))",
    "REPLACE({S}, {S}, <word>)",
    "TRANSLATE({S}, 'ab日', 'xü')",
    "TRIM({S}, <word>)",
    "INSTR({S}, <word>, -1)",
    "STRPOS({S}, {S})",
    "SUBSTR({S}, -3, 2)",
    "INITCAP({S}, <word>)",
    "LPAD({S}, 7, 'ab')",
    *(
        f"{name}({{S}})"
        for name in ("UPPER", "LOWER", "REVERSE", "RTRIM", "SOUNDEX", "FARM_FINGERPRINT", "SAFE.FROM_BASE64")
    ),
    "NORMALIZE({S}, NFD)",
    "EDIT_DISTANCE({S}, {S})",
    "TO_JSON_STRING(TO_CODE_POINTS({S}))",
    "SAFE.FROM_HEX({N})",
    "{S} < {S}",
    "NET.HOST({U})",
    "NET.SAFE_IP_FROM_STRING({A})",
    "SAFE_CONVERT_BYTES_TO_STRING({BYTES})",
    "ROUND({FLOAT64}, 2)",
    "CAST({NUMERIC} AS FLOAT64)",
    *(f"SAFE_{name}({{NUMERIC}}, {{NUMERIC}})" for name in ("DIVIDE", "MULTIPLY", "ADD")),
    "EXTRACT(ISOWEEK FROM {TIMESTAMP} AT TIME ZONE <zone>)",
)


def world(texts: Texts) -> World:
    """A table `w` of such texts, and values of all kinds among which are the grid's."""

    def value(kind: str) -> str:
        chosen = texts.plain.value(kind, 0.6)
        return chosen if kind in VALUES else f"CAST({chosen} AS {kind})"

    kinds = {
        "k": "INT64",
        **{name: kind for name, (kind, _) in COLUMNS.items()},
        **{kind.lower(): kind for kind in KINDS},
        "json": "JSON",
    }
    rows = []
    for k in range(ROWS):
        made = [quoted(make(texts)) for _, make in COLUMNS.values()]
        json = f"SAFE.PARSE_JSON({quoted(texts.json())}, wide_number_mode => 'round')"
        rows.append(f"({k}, {', '.join([*made, *map(value, KINDS), json])})")
    return World({"w": table_of("w", kinds, rows)})


def quoted(text: str) -> str:
    """A GoogleSQL literal of any text."""
    return (
        "'" + "".join(c if c.isascii() and (c.isalnum() or c in " .,:-+_%") else f"\\U{ord(c):08x}" for c in text) + "'"
    )


def form(texts: Texts, template: str) -> str:
    """A form with its columns and patterns; the same pattern wherever it is mentioned twice."""
    made: dict[str, str] = {}

    def pattern(found: re.Match[str]) -> str:
        return made.setdefault(found[1], quoted(PATTERNS[found[1]](texts)))

    named = re.sub(r"<(\w+)>", pattern, template)
    return re.sub(r"\{(\w+)\}", lambda found: str(texts.any(PLACES[found[1]])), named)


@dataclass
class Report:
    """How many forms ended how, and those that differ."""

    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[Verdict] = field(default_factory=list)

    def add(self, forms: list[str], place: World) -> None:
        """Judge forms at once; one by one where that does not simply succeed."""
        verdict = judge(f"SELECT k, {', '.join(f'{text} AS c{i}' for i, text in enumerate(forms))} FROM w", place)
        if verdict.kind != "same" and len(forms) > 1:
            for one in forms:
                self.add([one], place)
            return
        self.kinds[verdict.kind] += len(forms)
        if verdict.kind == "WRONG":
            self.wrong.append(verdict)
            print(f"\n{verdict.sql}\n  here:      {verdict.local}\n  reference: {verdict.reference}", flush=True)


def run(seed: int, queries: int, *, seconds: float = float("inf"), mentioning: tuple[str, ...] = ()) -> Report:
    """Judge forms, the same few of them in each query with other patterns."""
    report, stop = Report(), time.monotonic() + seconds
    texts = Texts(random.Random(seed))
    place = world(texts)
    templates = [each for each in FORMS if not mentioning or any(word in each for word in mentioning)]
    for number in range(queries):
        if number and number % SHARED == 0:
            place.close()
            place = world(texts)
        template = texts.any(templates)
        report.add([form(texts, template) for _ in range(AT_ONCE)], place)
        if time.monotonic() > stop:
            break
    place.close()
    return report


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mentioning", nargs="*", help="only forms with one of these words")
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 40))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    asked = parser.parse_args()
    report = run(asked.seed, asked.queries, seconds=asked.seconds, mentioning=tuple(asked.mentioning))
    print(f"seed {asked.seed}: {dict(report.kinds)}")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
