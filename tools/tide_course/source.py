# SPDX-License-Identifier: BSD-2-Clause
"""Functions in C text that clang-format has laid out: a head in the first column, braces alone on their lines."""

import re

from .lab import LabError

# What ends a program, prints, or runs something else: no answer to a lab needs it.
_ODD = re.compile(r"\b(?:constructor|destructor|_?exit|_Exit|abort|[dfs]?printf|puts|system|popen|fork|exec[lv]\w*|syscall|dlsym|getenv|ptrace"
                  r"|asm|__asm__)\b")  # fmt: skip
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


def find_function(text: str, name: str) -> re.Match[str]:
    """The function of that name: its head, its `body`, its end. LabError unless it is there once."""
    pattern = rf"^(?![#\s/*}}])[^\n;{{}}]*\b{re.escape(name)}\([^;{{}}]*\)\n{{\n(?P<body>.*?)^}}\n"
    found = list(re.finditer(pattern, text, re.MULTILINE | re.DOTALL))
    if len(found) != 1:
        raise LabError(f"{name}() is defined {len(found)} times, expected once")
    return found[0]


def body_lines(text: str, name: str) -> int:
    """How many lines the body of a function has."""
    return len(find_function(text, name)["body"].splitlines())


def with_body(text: str, name: str, body: str) -> str:
    """The text, with another body of that function."""
    match = find_function(text, name)
    return text[: match.start("body")] + body.rstrip("\n") + "\n" + text[match.end("body") :]


def emptied(text: str, name: str) -> str:
    """The text without what the function does: it says that it is missing, and ends there."""
    return with_body(text, name, f'    lab_missing("{name}");')


def odd_lines(text: str, skeleton: str) -> list[tuple[int, str]]:
    """Lines of an answer, with their numbers, that could pass a test without doing its work: a lecturer looks at them."""
    known = set(skeleton.splitlines())
    code = _COMMENT.sub(lambda comment: re.sub(r"[^\n]", " ", comment.group(0)), text)
    return [(number, line.strip()) for number, line in enumerate(code.splitlines(), 1) if line not in known and _ODD.search(line)]
