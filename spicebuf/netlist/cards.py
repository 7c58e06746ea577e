"""Read a netlist file into cards, letting through only text that cannot do harm.

ngspice runs commands found in `.control` blocks, in `*#` and `*ng_script` comments and in included
files, and reads files named by many cards. Decks are therefore built from a whitelist: comments never
reach ngspice, includes are read here, and every other card must be a known device or definition.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spicebuf.errors import NetlistError

DEVICE_LETTERS = "bcdefghijlmqrvx"
_DEFINITIONS = frozenset(
    {".subckt", ".ends", ".model", ".param", ".func", ".if", ".elseif", ".else", ".endif"}
)
_ALLOWED = ", ".join(sorted(_DEFINITIONS | {".include", ".lib", ".endl", ".option scale", ".end"}))
_MAX_BYTES = 16_000_000
_MAX_FILES = 256
_FILE_CARDS = frozenset({".include", ".inc", ".lib"})
_WORD = re.compile(r"'([^']*)'|(\S+)")
# str.splitlines, and so PySpice, also ends lines at these; a comment could hide a card behind them.
_LINE_SEPARATORS = re.compile("[\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_END_COMMENT = re.compile(r";.*|(?:^|(?<=\s))\$(?=\s|$).*|(?:^|(?<=\s))//.*")
# Back quotes and dollars reach a shell or its variables in ngspice's command language.
_FORBIDDEN = re.compile(r"[^ -~]|[`$\\@]")
_SCALE = re.compile(r"\.options?\s+(?:parser\s+)?scale=[0-9.e+-]+[a-z]*")
_THETA = re.compile(r"\*@theta\s+(\w+)\s+(\w+\s*\([^()]*\))\s*(.*)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Card:
    """One logical line of a netlist, in lower case, without comments or continuation marks."""

    file: str
    line: int
    text: str

    @property
    def where(self) -> str:
        """File and line, as error messages begin."""
        return f"{self.file}:{self.line}"

    @property
    def keyword(self) -> str:
        """The first word."""
        return self.text.split(None, 1)[0]

    @property
    def tokens(self) -> list[str]:
        """Words; expressions in braces or quotes stay whole."""
        return card_tokens(self.text)


def card_tokens(text: str) -> list[str]:
    """Split a card into words; expressions in braces or quotes stay whole."""
    return re.findall(r"(?:\{[^{}]*\}|'[^']*'|[^\s{}'])+", text)


@dataclass(frozen=True)
class ThetaLine:
    """A declaration `*@theta NAME PRIOR description [unit]`."""

    where: str
    name: str
    prior: str
    description: str


def read_cards(path: Path) -> tuple[list[Card], list[ThetaLine], list[Path]]:
    """Read a template and all that it includes.

    Returns
    -------
    cards : list of Card
        Definitions and devices of the file, with includes and library sections put in place.
    thetas : list of ThetaLine
        The θ declarations of the file itself.
    files : list of Path
        The files that were read.

    Raises
    ------
    NetlistError
        With file and line, if a file cannot be read or holds anything that is not allowed.
    """
    reader = _Reader(path.resolve().parent)
    cards = list(reader.expand(path.resolve(), path.name, section=None))
    return cards, reader.thetas, list(dict.fromkeys(reader.files))


class _Reader:
    """Follows includes below one folder and collects the θ declarations of the first file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.thetas: list[ThetaLine] = []
        self.files: list[Path] = []

    def expand(self, path: Path, label: str, section: str | None) -> Iterator[Card]:
        self.files.append(path)
        if len(self.files) > _MAX_FILES:
            raise NetlistError(f"{label}: more than {_MAX_FILES} includes; is there a loop?")
        cards, thetas = _logical_lines(_read(path, label), label)
        if len(self.files) == 1:
            self.thetas = thetas
        elif thetas:
            raise NetlistError(
                f"{thetas[0].where}: θ is declared in the template, not in an include"
            )
        for card in cards if section is None else _section(cards, section, label):
            words = card.text.split()
            if card.keyword in {".include", ".inc"} or _is_library_call(card):
                yield from self._include(card, path)
            elif words == [".end"]:
                return
            else:
                _require_allowed(card)
                yield card

    def _include(self, card: Card, path: Path) -> Iterator[Card]:
        name, *section = _words(card)[1:] or [""]
        if not name or len(section) != (card.keyword == ".lib"):
            raise NetlistError(f"{card.where}: cannot read {card.text!r}; write .include 'file'")
        target = path.parent / name
        inside = target.resolve().is_relative_to(self.root)
        if Path(name).is_absolute() or name.startswith("~") or not inside:
            raise NetlistError(
                f"{card.where}: {name!r} is an absolute or upward path or a link elsewhere; "
                "a template may include only files inside its own folder"
            )
        if not is_file(target):
            raise NetlistError(f"{card.where}: included file {name!r} does not exist")
        label = str(target.resolve().relative_to(self.root))
        yield from self.expand(target, label, section[0].lower() if section else None)


def is_file(path: Path) -> bool:
    """Tell whether a path names a file; no error for one that cannot name any."""
    try:
        return path.is_file()
    except OSError:  # a name too long
        return False


def _words(card: Card) -> list[str]:
    return [quoted or plain for quoted, plain in _WORD.findall(card.text)]


def _is_library_call(card: Card) -> bool:
    return card.keyword == ".lib" and len(_words(card)) == 3  # noqa: PLR2004 (.lib 'file' section)


def _section(cards: list[Card], name: str, label: str) -> Iterator[Card]:
    found = inside = False
    for card in cards:
        if card.keyword == ".lib" and not _is_library_call(card):
            inside = [word.lower() for word in _words(card)[1:]] == [name]
            found = found or inside
        elif card.keyword == ".endl":
            inside = False
        elif inside:
            yield card
    if not found:
        raise NetlistError(f"{label}: there is no library section {name!r} in this file")


def _require_allowed(card: Card) -> None:
    word = card.keyword
    if word in _DEFINITIONS or _SCALE.fullmatch(card.text):
        return
    if word.startswith("."):
        raise NetlistError(
            f"{card.where}: {word!r} is not allowed in a template; allowed are {_ALLOWED}"
        )
    if word[0] not in DEVICE_LETTERS:
        raise NetlistError(
            f"{card.where}: device {word!r} is not allowed; a device's name begins with one of "
            f"{', '.join(DEVICE_LETTERS.upper())}"
        )


def _read(path: Path, label: str) -> str:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise NetlistError(f"{label}: larger than {_MAX_BYTES} bytes, too large for a netlist")
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise NetlistError(f"{label}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise NetlistError(f"{label}: is not UTF-8 text (byte {error.start})") from error
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _logical_lines(text: str, label: str) -> tuple[list[Card], list[ThetaLine]]:
    lines: list[tuple[int, list[str]]] = []
    thetas: list[ThetaLine] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        where = f"{label}:{number}"
        if separator := _LINE_SEPARATORS.search(raw):
            raise NetlistError(
                f"{where}: invisible line separator U+{ord(separator[0]):04X}; delete it"
            )
        line = raw.strip()
        if line.startswith("*"):
            thetas.extend(_read_comment(line, where))
            continue
        line = _fold_case(_END_COMMENT.sub("", line).replace("\t", " ").strip(), where)
        if line.startswith("+") and not lines:
            raise NetlistError(f"{where}: a continuation line with nothing before it")
        if line.startswith("+"):
            lines[-1][1].append(line[1:])
        elif line:
            lines.append((number, [line]))
    return [Card(label, number, _tidy(" ".join(parts))) for number, parts in lines], thetas


def _read_comment(line: str, where: str) -> list[ThetaLine]:
    lowered = line.lower()
    if lowered.startswith(("*#", "*ng_script")):
        raise NetlistError(f"{where}: ngspice would run this comment as a command; delete it")
    if not lowered.startswith("*@"):
        return []
    match = _THETA.fullmatch(line)
    if match is None:
        raise NetlistError(
            f"{where}: cannot read {line!r}; write *@theta NAME PRIOR(…) description [unit]"
        )
    name, prior, description = match.groups()
    return [ThetaLine(where, name.lower(), prior, description.strip())]


def _fold_case(line: str, where: str) -> str:
    keyword = line.split(None, 1)[0].lower() if line else ""
    # File names keep their case; ngspice never sees these cards.
    named = keyword + line[len(keyword) :].replace('"', "'")
    folded = named if keyword in _FILE_CARDS else line.lower()
    if bad := _FORBIDDEN.search(folded):
        raise NetlistError(
            f"{where}: character {bad[0]!r} (U+{ord(bad[0]):04X}) is not allowed in a card"
        )
    return folded


def _tidy(line: str) -> str:
    return re.sub(r"\s*=\s*", "=", " ".join(line.split()))
