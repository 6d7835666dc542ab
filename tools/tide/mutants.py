# SPDX-License-Identifier: BSD-2-Clause
"""Wrong lines to put into C: one token, condition or statement of a function's body changed, for tools/mutate.

The sources are clang-format's, which puts spaces around binary operators and no others: that, and not a
parser, tells a product from a pointer.
"""

import re
from dataclasses import dataclass
from typing import Iterator, NamedTuple

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|\#(?:\\\n|/\*.*?\*/|[^\n])*)
       |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
       |(?P<number>(?:0[xX][0-9a-fA-F]+|\d+)[uUlL]*)
       |(?P<word>\w+)
       |(?P<sign><<=|>>=|->|\+\+|--|&&|\|\||[<>=!+\-*/%&|^]=|<<|>>|.)""",
    re.VERBOSE | re.DOTALL,
)

# What stands for a binary operator; the first word is the kind of fault.
_BINARY = {
    "<": ("relation", "<=", ">="), "<=": ("relation", "<", ">"), ">": ("relation", ">=", "<="),
    ">=": ("relation", ">", "<"), "==": ("relation", "!="), "!=": ("relation", "=="),
    "+": ("arithmetic", "-"), "-": ("arithmetic", "+"), "*": ("arithmetic", "/"), "/": ("arithmetic", "*"),
    "%": ("arithmetic", "*"), "&": ("bits", "|"), "|": ("bits", "&"), "^": ("bits", "&"), "<<": ("bits", ">>"),
    ">>": ("bits", "<<"), "&&": ("connective", "||"), "||": ("connective", "&&"),
    "+=": ("assignment", "-="), "-=": ("assignment", "+="), "|=": ("assignment", "&="),
    "&=": ("assignment", "|="), "<<=": ("assignment", ">>="), ">>=": ("assignment", "<<="),
}  # fmt: skip
_UNARY = {"!": ("negation", ""), "~": ("bits", ""), "++": ("arithmetic", "--"), "--": ("arithmetic", "++")}
_WORDS = {"true": ("bool", "false"), "false": ("bool", "true")}
_ERROR = re.compile(r"(VMEM_)?E_[A-Z]+")
_ORDER = re.compile(r"__ATOMIC_(ACQUIRE|RELEASE|ACQ_REL|SEQ_CST)")
_BARRIER = re.compile(r"\w*(barrier|fence)\w*")
_LOCK = re.compile(r"\w*(lock|unlock|irq_save|irq_restore)")
_ASSIGNS = {"=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=", "++", "--"}
_JUMPS = {"return", "break", "continue", "goto"}
_HEADS = {"if", "else", "while", "do", "for", "switch", "case", "default"}
_CLAUSE_ENDS = {"&&", "||", ",", ";", "=", "?", ":", "return", "{", "}"} | _ASSIGNS
_OPEN, _CLOSE = set("([{"), set(")]}")


class Token(NamedTuple):
    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Mutant:
    """Text [start, end) of a file becomes `new`."""

    file: str
    start: int
    end: int
    new: str
    kind: str
    function: str

    def apply(self, text: str) -> str:
        return text[: self.start] + self.new + text[self.end :]

    def line(self, text: str) -> int:
        return text.count("\n", 0, self.start) + 1

    def change(self, text: str) -> tuple[str, str]:
        """The lines as they stand and as they become, with single spaces: the mutant's name in a list."""
        first = text.rfind("\n", 0, self.start) + 1
        last = text.find("\n", self.end)
        before, after = text[first : self.start], text[self.end : last]
        return _one_line(before + text[self.start : self.end] + after), _one_line(before + self.new + after)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def tokens_of(text: str) -> list[Token]:
    """Without comments, white space and directives."""
    found = []
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind != "skip":
            found.append(Token(kind, match.group(), match.start(), match.end()))
    return found


def _partners(tokens: list[Token]) -> dict[int, int]:
    """For each bracket the index of the other one."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    for index, token in enumerate(tokens):
        if token.text in _OPEN:
            opened.append(index)
        elif token.text in _CLOSE and opened:
            other = opened.pop()
            pairs[index], pairs[other] = other, index
    return pairs


class _Function:
    """One function's body: tokens [first, last) of the file, without its braces."""

    def __init__(self, text: str, tokens: list[Token], pairs: dict[int, int], first: int, last: int):
        self.text, self.tokens, self.pairs, self.first, self.last = text, tokens, pairs, first, last

    def is_binary(self, token: Token) -> bool:
        return self.text[token.start - 1].isspace() and self.text[token.end].isspace()

    def span(self, first: int, last: int) -> str:
        """The text of tokens [first, last)."""
        return self.text[self.tokens[first].start : self.tokens[last - 1].end]

    def single(self, index: int) -> tuple[str, ...]:
        """A kind, and what the token can become."""
        token = self.tokens[index]
        if token.kind == "number":
            return "constant", *_other_numbers(token.text)
        if _ERROR.fullmatch(token.text):
            return "error", "VMEM_OK" if token.text.startswith("VMEM_") else "OK"
        if _ORDER.fullmatch(token.text):
            return "order", "__ATOMIC_RELAXED"
        if token.text in _BINARY and self.is_binary(token):
            return _BINARY[token.text]
        return _UNARY.get(token.text) or _WORDS.get(token.text) or ("none",)

    def conditions(self, index: int) -> Iterator[tuple[int, int, str]]:
        """An `if` and a `while`: the other way round, never, and for an `if` always."""
        word = self.tokens[index].text
        if word not in ("if", "while") or self.tokens[index + 1].text != "(":
            return
        first, last = index + 2, self.pairs[index + 1]
        condition = self.span(first, last)
        yield first, last, f"!({condition})"
        yield first, last, f"(({condition}), 0)"
        if word == "if":
            yield first, last, f"(({condition}), 1)"

    def clauses(self, index: int) -> Iterator[tuple[int, int, str]]:
        """What stands to both sides of && and ||: evaluated, and without effect on the whole."""
        word = self.tokens[index].text
        if word not in ("&&", "||"):
            return
        neutral = 1 if word == "&&" else 0
        first = index
        while self.tokens[first - 1].text not in _CLAUSE_ENDS | _OPEN:
            first = self.pairs.get(first - 1, first - 1)
        last = index + 1
        while self.tokens[last].text not in _CLAUSE_ENDS | _CLOSE:
            last = self.pairs.get(last, last) + 1
        for one, other in ((first, index), (index + 1, last)):
            if one < other:
                yield one, other, f"(({self.span(one, other)}), {neutral})"

    def statement(self, index: int) -> tuple[str, int] | None:
        """The kind of the statement that begins here, and its semicolon; None where none can go."""
        before = self.tokens[index - 1].text
        begins = before in (";", "{", "}", "else", ":") or (before == ")" and self._is_head(index - 1))
        if not begins or self.tokens[index].kind != "word":
            return None
        end = index
        while self.tokens[end].text != ";":
            if self.tokens[end].text in _CLOSE | {",", "{", ":"}:
                return None
            end = self.pairs.get(end, end) + 1
        return self._kind_of(index, end), end

    def _is_head(self, close: int) -> bool:
        """The bracket ends the head of an if, a loop or a switch."""
        return self.tokens[self.pairs[close] - 1].text in _HEADS

    def _kind_of(self, first: int, end: int) -> str:
        word, then = self.tokens[first].text, self.tokens[first + 1]
        if word in _JUMPS:
            # After the last one there is nothing to reach but the end of the function.
            return "none" if word == "return" and end + 1 == self.last else word
        if word in _HEADS:
            return "none"
        if then.kind == "word" or (then.text == "*" and not self.is_binary(then)):
            return "none"  # a declaration
        if any(token.text in _ASSIGNS for token in self.tokens[first:end]):
            return "statement"
        if _BARRIER.fullmatch(word):
            return "barrier"
        return "lock" if _LOCK.fullmatch(word) else "call" if then.text == "(" else "none"


def _other_numbers(text: str) -> Iterator[str]:
    digits = text.rstrip("uUlL")
    value = int(digits, 0) if digits.lower().startswith("0x") or digits == "0" else int(digits)
    for other in (value + 1, value - 1):
        if other >= 0:
            yield (hex(other) if digits.lower().startswith("0x") else str(other)) + text[len(digits) :]


def _functions(text: str) -> Iterator[tuple[str, _Function]]:
    """Each function that has a body, with its name."""
    tokens = tokens_of(text)
    pairs = _partners(tokens)
    index = 0
    while index < len(tokens):
        if tokens[index].text != "{" or index not in pairs:
            index += 1
            continue
        if index and tokens[index - 1].text == ")":
            name = tokens[pairs[index - 1] - 1].text
            yield name, _Function(text, tokens, pairs, index + 1, pairs[index])
        index = pairs[index] + 1


def mutants_of(file: str, text: str) -> list[Mutant]:
    """All of a file, in the order of its text."""
    found: list[Mutant] = []
    for name, function in _functions(text):
        tokens = function.tokens

        def add(first: int, last: int, kind: str, new: str) -> None:
            found.append(Mutant(file, tokens[first].start, tokens[last - 1].end, new, kind, name))

        for index in range(function.first, function.last):
            kind, *others = function.single(index)
            for other in others:
                add(index, index + 1, kind, other)
            for first, last, new in function.conditions(index):
                add(first, last, "condition", new)
            for first, last, new in function.clauses(index):
                add(first, last, "clause", new)
            statement = function.statement(index)
            if statement and statement[0] != "none":
                add(index, statement[1], f"no {statement[0]}", "")
    return list(dict.fromkeys(found))  # the middle of three clauses is beside two signs
