#!/usr/bin/env python3
"""docs/security-checklist.md is whole and true to the code: each requirement has its row, each row a state that is known,
what holds names the test that shows it, and each test that is named is there.

    tests/documents/checklist.py                            says what is wrong with it
    FEIRA_CHECKLIST=write tests/documents/checklist.py      renews its table of counts
"""

import collections
import os
import re
import sys

sys.dont_write_bytecode = True
from names import ROOT, listed

PAGE = "docs/security-checklist.md"
# Where names of tests are looked at beside it.
OTHERS = ["SECURITY.md"]
# States of a row, and whether it must name a test.
STATES = {"holds": True, "no test": False, "partly": False, "not": False, "–": False}
# Of each section how its rows are numbered: chapter by chapter, how many each has.
SECTIONS = {
    "OWASP API Security Top 10": [f"API{number}" for number in range(1, 11)],
    "ASVS V2": [f"2.{part}.{row}" for part, rows in enumerate((3, 3, 5, 2), 1) for row in range(1, rows + 1)],
    "ASVS V4": [f"4.{part}.{row}" for part, rows in enumerate((5, 5, 2, 4), 1) for row in range(1, rows + 1)],
    "ASVS V6": [f"6.{part}.{row}" for part, rows in enumerate((3, 12, 8, 6, 8, 4, 2, 4), 1) for row in range(1, rows + 1)],
    "ASVS V7": [f"7.{part}.{row}" for part, rows in enumerate((3, 4, 2, 5, 3, 2), 1) for row in range(1, rows + 1)],
    "ASVS V8": [f"8.{part}.{row}" for part, rows in enumerate((4, 4, 3, 2), 1) for row in range(1, rows + 1)],
    "ASVS V9": [f"9.{part}.{row}" for part, rows in enumerate((3, 4), 1) for row in range(1, rows + 1)],
    "ASVS V16": [f"16.{part}.{row}" for part, rows in enumerate((1, 5, 4, 3, 4), 1) for row in range(1, rows + 1)],
    "RFC 8725": [f"3.{row}" for row in range(1, 13)],
    "RFC 9700": ["2.1", "2.1.1", "2.1.2", "2.2.1", "2.2.2", "2.3", "2.4", "2.5", "2.6", *(f"4.{row}" for row in range(1, 18))],
}
# Where Rust's tests are, and what stands before their modules' names.
ROOTS = [
    (r"tests/shop/(.*)\.rs", ""),
    (r"gateway/src/(.*)\.rs", "gateway"),
    (r"gateway/tests/(.*)\.rs", "gateway"),
    (r"proto/(?:src|tests)/(.*)\.rs", "contracts"),
    (r"services/(?:user|article|order|payment|mesh|kit)/src/(.*)\.rs", None),
    (r"services/(?!(?:user|article|order|payment|mesh|kit)/)(.*)\.rs", "feira"),
]
TEST = re.compile(r"(?:\w+::)+[a-z0-9]\w*_\w+")
BROWSER = re.compile(r"([\w-]+\.test\.mjs): (.+)")


def module(file):
    """The path of a file's module, as the tests of its crate are called."""
    for pattern, prefix in ROOTS:
        found = re.fullmatch(pattern, file)
        if found:
            parts = [part for part in found[1].split("/") if part not in ("mod", "main", "lib")]
            return [part for part in [file.split("/")[1] if prefix is None else prefix, *parts] if part]
    return None


def of_file(file):
    """The tests of a Rust file, by their names."""
    text, path = (ROOT / file).read_text(), module(file)
    inline, attributes, words = [], [], collections.Counter(re.findall(r"\w+", text))
    for line in text.splitlines():
        opens = re.match(r"(?:pub )?mod (\w+) \{", line)
        inline = [opens[1]] if opens else [] if line == "}" else inline
        begins = re.match(r"\s*(?:pub )?(?:async )?fn (\w+)", line)
        if begins:
            marked = any(re.match(r"#\[(?:tokio::)?test\b", each) for each in attributes)
            # Tests that run in several ways are named a second time, in a list at the head of their file.
            listed_too = words[begins[1]] > 1 and re.search(r": (Setup|Caller)\)", line)
            if marked or listed_too:
                yield "::".join([*path, *inline, begins[1]])
        attributes = [*attributes, line.strip()] if line.strip().startswith(("#", "//")) else []


def tests():
    """All tests there are: Rust's by the names that they are run by, the browser's by their files and titles."""
    found = set()
    for file in listed("tests/shop/*.rs", "gateway/*.rs", "proto/*.rs", "services/*.rs"):
        if (ROOT / file).is_file() and module(file) is not None:
            found.update(of_file(file))
    for file in listed("tests/browser/*.test.mjs"):
        if (ROOT / file).is_file():
            titles = re.findall(r"^test\('([^'\n]+)'", (ROOT / file).read_text(), re.M)
            found.update(f"{file.rsplit('/', 1)[1]}: {title}" for title in titles)
    return found


def rows(text):
    """The rows of each section: number, state, how it is, evidence."""
    found = {}
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        title = section.splitlines()[0]
        lines = [line for line in section.splitlines() if re.match(r"\| (?:API)?[0-9]", line)]
        found[title] = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]
    return found


def counts(sections):
    """How many rows of each section are in which state, as the page has it."""
    head = ["", *STATES, "together"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    total = collections.Counter()
    for title, found in sections.items():
        count = collections.Counter(row[2] for row in found if len(row) == 5)
        total.update(count)
        lines.append(line_of(f"[{title}](#{title.lower().replace(' ', '-')})", count))
    return "\n".join([*lines, line_of("together", total)])


def line_of(title, count):
    return "| " + " | ".join([title, *(str(count[state]) for state in STATES), str(sum(count.values()))]) + " |"


def problems():
    """Whatever the page lacks, or names that is not there."""
    known, text = tests(), (ROOT / PAGE).read_text()
    sections = rows(text)
    for title, numbers in SECTIONS.items():
        there = [row[0] for row in sections.get(title, [])]
        if there != numbers:
            yield f"{PAGE}: {title}: its rows are not {numbers[0]} to {numbers[-1]}, each once: {set(numbers) ^ set(there)}"
    yield from (f"{PAGE}: a section that is not known: {title}" for title in sections if title not in SECTIONS)
    for title, found in sections.items():
        for row in found:
            where = f"{PAGE}: {title}, {row[0]}"
            if len(row) != 5 or row[2] not in STATES:
                yield f"{where}: not five cells with a state"
            elif STATES[row[2]] and not re.search(r"`[^`]+`|\]\(", row[4]):
                yield f"{where}: it holds, and nothing shows it"
            elif not STATES[row[2]] and not row[3]:
                yield f"{where}: it does not hold, and nothing says why"
    if counts(sections) not in text:
        yield f"{PAGE}: its table of counts is not\n{counts(sections)}"
    for file in [PAGE, *OTHERS]:
        for code in re.findall(r"`([^`\n]+)`", (ROOT / file).read_text()):
            if (TEST.fullmatch(code) or BROWSER.fullmatch(code)) and code not in known:
                yield f"{file}: there is no test {code}"
            elif code.startswith("tests/") and "*" not in code and not (ROOT / code).exists():
                yield f"{file}: there is no {code}"


def write():
    """Renews the table of counts."""
    text = (ROOT / PAGE).read_text()
    old = re.search(r"^\|  \| holds .*\n(?:\|.*\n)+", text, re.M)
    (ROOT / PAGE).write_text(text.replace(old[0], counts(rows(text)) + "\n"))


def main():
    if os.environ.get("FEIRA_CHECKLIST") == "write":
        write()
    wrong = list(problems())
    for problem in wrong:
        print(problem, file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
