"""STRING and BYTES functions as GoogleSQL has them, where DuckDB's count, fold or stop otherwise.

What is said of characters holds for bytes too: most functions take either.
https://cloud.google.com/bigquery/docs/reference/standard-sql/string_functions
"""

from __future__ import annotations

import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache
from typing import TypeVar

import pyarrow as pa

from bigpato_magic.sql.udfs.arrow import InvalidValue, Unsure, guarded, strict

Text = TypeVar("Text", str, bytes)

LONGEST = 100_000
"""Characters of a padded or repeated text: BigQuery makes longer ones, but not fast."""
# The characters with the property White_Space; str.isspace() has more.
SPACES = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
DELIMITERS = frozenset('[](){}/|\\<>!?@"#$&~_,.:;*%+-^' + SPACES)
# Where Unicode's case pairs have been the same for many years: Latin, Greek, Cyrillic.
CASED = re.compile("[\x00-\u024f\u0370-\u0373\u0376-\u037d\u0386-\u03ff\u0400-\u052f\u1e00-\u1eff]")
MAX_NUMERIC = Decimal("99999999999999999999999999999.999999999")

# --------------------------------------------------------------------------------------- parts of a text


def instr(text: Text, part: Text, position: int, occurrence: int) -> int:
    """INSTR: where the n-th `part` starts, from `position` on, or backward from a negative one; 0 for nowhere."""
    if occurrence < 1 or position == 0:
        raise InvalidValue("INSTR from position 0, or for an occurrence below 1")
    if occurrence > len(text) + 1 or abs(position) > len(text) + 1:
        return 0
    return _forward(text, part, position, occurrence) if position > 0 else _backward(text, part, position, occurrence)


def _forward(text: Text, part: Text, position: int, occurrence: int) -> int:
    at = position - 2
    for _ in range(occurrence):
        at = text.find(part, at + 1)
        if at < 0:
            return 0
    return at + 1


def _backward(text: Text, part: Text, position: int, occurrence: int) -> int:
    at = len(text) + position + (not part) + 1
    for _ in range(occurrence):
        at -= 1
        if at < 0:
            return 0
        at = text.rfind(part, 0, at + len(part))
        if at < 0:
            return 0
    return at + 1


def substr(text: Text, position: int, length: int) -> Text:
    """SUBSTR; a negative position counts from the end."""
    if length < 0:
        raise InvalidValue("the third argument of SUBSTR cannot be negative")
    start = max(position - 1, 0) if position >= 0 else max(len(text) + position, 0)
    return text[start : start + length]


def left(text: Text, length: int) -> Text:
    """LEFT."""
    if length < 0:
        raise InvalidValue("the second argument of LEFT cannot be negative")
    return text[:length]


def right(text: Text, length: int) -> Text:
    """RIGHT."""
    if length < 0:
        raise InvalidValue("the second argument of RIGHT cannot be negative")
    return text[max(len(text) - length, 0) :]


def lpad(text: Text, length: int, pad: Text) -> Text:
    """LPAD."""
    return _padding(text, length, pad) + text[: max(length, 0)]


def rpad(text: Text, length: int, pad: Text) -> Text:
    """RPAD."""
    return text[: max(length, 0)] + _padding(text, length, pad)


def _padding(text: Text, length: int, pad: Text) -> Text:
    if length < 0 or not pad:
        raise InvalidValue("padding to a negative length, or with nothing")
    if length > LONGEST:
        raise Unsure("a long text")
    missing = max(length - len(text), 0)
    return (pad * (missing // len(pad) + 1))[:missing]


def repeat(text: Text, times: int) -> Text:
    """REPEAT."""
    if times < 0:
        raise InvalidValue("REPEAT a negative number of times")
    if text and times > LONGEST // len(text):
        raise Unsure("a long text")
    return text * times if text else text


def split(text: Text, at: Text) -> list[Text]:
    """SPLIT; at nothing, into single characters."""
    if at or not text:
        return text.split(at) if at else [text]
    return [text[i : i + 1] for i in range(len(text))]


def translate(text: str, source: str, target: str) -> str:
    """TRANSLATE."""
    return text.translate(_mapping(source, target))


@lru_cache(maxsize=100)
def _mapping(source: str, target: str) -> dict[int, str]:
    if len(set(source)) < len(source):
        raise InvalidValue("a character twice in TRANSLATE")
    return {ord(character): target[i : i + 1] for i, character in enumerate(source)}


def translate_bytes(text: bytes, source: bytes, target: bytes) -> bytes:
    """TRANSLATE of BYTES."""
    return translate(text.decode("latin-1"), source.decode("latin-1"), target.decode("latin-1")).encode("latin-1")


def trim(text: Text, characters: Text) -> Text:
    """TRIM of BYTES."""
    return text.strip(characters) if characters else text


def ltrim(text: Text, characters: Text) -> Text:
    """LTRIM of BYTES."""
    return text.lstrip(characters) if characters else text


def rtrim(text: Text, characters: Text) -> Text:
    """RTRIM of BYTES."""
    return text.rstrip(characters) if characters else text


def replace(text: Text, old: Text, new: Text) -> Text:
    """REPLACE; nothing is replaced by nothing."""
    return text.replace(old, new) if old else text


def like(text: bytes, pattern: bytes) -> bool:
    """LIKE of BYTES."""
    return _like(pattern).fullmatch(text) is not None


@lru_cache(maxsize=100)
def _like(pattern: bytes) -> re.Pattern[bytes]:
    pieces = re.findall(rb"\\?.|\\$", pattern, re.DOTALL)
    if pieces and pieces[-1] == b"\\":
        raise InvalidValue("LIKE pattern ends with a backslash")
    between = [b""]
    for piece in pieces:
        if piece == b"%":
            between.append(b"")
        else:
            between[-1] += b"." if piece == b"_" else re.escape(piece[-1:])
    first, *middle, last = between if len(between) > 1 else [*between, b""]
    # What stands between two `%` is taken where it is first found: no later place could be better, so none is tried.
    found = b"".join(b"(?>.*?" + part + b")" for part in middle)
    return re.compile(first + (found + b".*" if len(between) > 1 else b"") + last, re.DOTALL)


def reverse(text: Text) -> Text:
    """REVERSE, character by character."""
    return text[::-1]


def edit_distance(one: str, other: str, most: int) -> int:
    """EDIT_DISTANCE (Levenshtein's), cut at `most`."""
    if most < 0:
        raise InvalidValue("max_distance cannot be negative")
    if len(one) * len(other) > LONGEST:
        raise Unsure("the distance of long texts")
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return min(row[-1], most)


# --------------------------------------------------------------------------------------------- letters


def _stable(text: str) -> str:
    """A text whose letters' cases are surely the same in every version of Unicode that matters."""
    for character in text:
        if not CASED.match(character) and (character.upper() != character or character.lower() != character):
            raise Unsure("the case of a rare letter")
        if unicodedata.category(character) == "Cn":
            raise Unsure("a character that is new in Unicode")
    return text


def upper(text: str) -> str:
    """UPPER."""
    return _stable(text).upper()


def lower(text: str) -> str:
    """LOWER."""
    return _stable(text).lower()


def initcap(text: str, delimiters: str | None) -> str:
    """INITCAP: letter by letter, so no letter becomes two."""
    ends = DELIMITERS if delimiters is None else frozenset(delimiters)
    found, first = [], True
    for character in _stable(text):
        if character in ends:
            found.append(character)
            first = True
        else:
            found.append(_one(character.upper() if first else character.lower(), character))
            first = False
    return "".join(found)


def _one(changed: str, original: str) -> str:
    if original == "\u0130":
        return changed if changed == original else "i"
    return changed if len(changed) == 1 else original


_SOUNDS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "01230120022455012623010202", strict=True))


def soundex(text: str) -> str:
    """SOUNDEX; the first letter stays as it is."""
    letters = [c for c in text if c.isascii() and c.isalpha()]
    if not letters:
        return ""
    found, last = letters[0], _SOUNDS[letters[0].upper()]
    for letter in letters[1:]:
        sound = _SOUNDS[letter.upper()]
        if sound not in ("0", last):
            found, last = found + sound, sound
    return found[:4].ljust(4, "0")


def normalize(text: str, form: str) -> str:
    """NORMALIZE: NFC, NFD, NFKC or NFKD."""
    if any(unicodedata.category(character) == "Cn" for character in text):
        raise Unsure("a character that is new in Unicode")
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]


def casefold(text: str, form: str) -> str:
    """NORMALIZE_AND_CASEFOLD."""
    return normalize(_stable(text), form).casefold()


# ----------------------------------------------------------------------------------------- code points


def _character(code: int) -> str:
    if not 0 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise InvalidValue(f"invalid codepoint {code}")
    return chr(code)


def to_code_points(text: str) -> list[int]:
    """TO_CODE_POINTS of a STRING."""
    return [ord(character) for character in text]


def code_points_to_string(codes: list[int | None]) -> str | None:
    """CODE_POINTS_TO_STRING; CHR is the same of one."""
    if None in codes:
        return None
    return "".join(_character(code) for code in codes if code is not None)


def code_points_to_bytes(codes: list[int | None]) -> bytes | None:
    """CODE_POINTS_TO_BYTES."""
    if None in codes:
        return None
    try:
        return bytes(code for code in codes if code is not None)
    except ValueError as error:
        raise InvalidValue(str(error)) from None


_NUMBER = re.compile(
    r"[ \t\n\r\v\f]*([+-]?)[ \t\n\r\v\f]*([0-9,]*(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)[ \t\n\r\v\f]*([+-]?)[ \t\n\r\v\f]*"
)


def parse_numeric(text: str) -> Decimal:
    """PARSE_NUMERIC: signs on either side, spaces, commas; rounded to nine places."""
    match = _NUMBER.fullmatch(text)
    if not match or (match[1] and match[3]):
        raise InvalidValue(f"not a NUMERIC: {text}")
    digits = match[2].replace(",", "")
    mantissa, _, exponent = digits.lower().partition("e")
    # Commas before the point stand among digits.
    if not re.search("[0-9]", mantissa) or re.match(r",+(?![0-9,])", match[2]):
        raise InvalidValue(f"not a NUMERIC: {text}")
    if len(digits) > LONGEST or abs(int(exponent or 0)) > 1000:
        raise Unsure("a NUMERIC with a large exponent")
    with localcontext(prec=len(digits) + 1100):
        value = Decimal(digits).quantize(Decimal("1e-9"), ROUND_HALF_UP)
        if abs(value) > MAX_NUMERIC:
            raise InvalidValue(f"out of NUMERIC's range: {text}")
        return -value if "-" in (match[1], match[3]) and value else value


# -------------------------------------------------------------------------------------------- for DuckDB

TEXT, BYTES, INT = pa.string(), pa.binary(), pa.int64()


bp_instr = strict(guarded(instr), INT)
bp_translate = strict(guarded(translate), TEXT)
bp_translate_bytes = strict(guarded(translate_bytes), BYTES)
bp_reverse = strict(reverse, TEXT)
bp_edit_distance = strict(guarded(edit_distance), INT)
bp_upper = strict(upper, TEXT)
bp_lower = strict(lower, TEXT)
bp_initcap = strict(lambda text: initcap(text, None), TEXT)
bp_initcap_at = strict(initcap, TEXT)
bp_soundex = strict(soundex, TEXT)
bp_normalize = strict(normalize, TEXT)
bp_casefold = strict(casefold, TEXT)
bp_to_code_points = strict(to_code_points, pa.list_(INT))
bp_bytes_to_code_points = strict(list, pa.list_(INT))
bp_code_points_to_string = strict(guarded(code_points_to_string), TEXT)
bp_code_points_to_bytes = strict(guarded(code_points_to_bytes), BYTES)
bp_parse_numeric = strict(guarded(parse_numeric), pa.decimal128(38, 9))
bp_bytes_substr = strict(guarded(substr), BYTES)
bp_bytes_left = strict(guarded(left), BYTES)
bp_bytes_right = strict(guarded(right), BYTES)
bp_bytes_lpad = strict(guarded(lpad), BYTES)
bp_bytes_rpad = strict(guarded(rpad), BYTES)
bp_bytes_repeat = strict(guarded(repeat), BYTES)
bp_bytes_split = strict(split, pa.list_(BYTES))
bp_bytes_trim = strict(trim, BYTES)
bp_bytes_ltrim = strict(ltrim, BYTES)
bp_bytes_rtrim = strict(rtrim, BYTES)
bp_bytes_replace = strict(replace, BYTES)
bp_bytes_reverse = strict(reverse, BYTES)
bp_bytes_upper = strict(bytes.upper, BYTES)
bp_bytes_lower = strict(bytes.lower, BYTES)
bp_bytes_like = strict(like, pa.bool_())
bp_bytes_starts = strict(bytes.startswith, pa.bool_())
bp_bytes_ends = strict(bytes.endswith, pa.bool_())
