"""The kinds of the audit log: what the code records is what the contract and the staff page name."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
# `sign_in.failed`, as a literal of its own.
KIND = re.compile(r"""["'`]([a-z_]+\.[a-z_]+)["'`]""")
# Where a kind is made, as a literal or through a variable beside it.
MADE = re.compile(r'Act::new\(\s*"([a-z_]+\.[a-z_]+)"\)|kind: "([a-z_]+\.[a-z_]+)"|about\("([a-z_]+\.[a-z_]+)"\)'
                  r'|ERASED: &str = "([a-z_]+\.[a-z_]+)"'
                  r'|"(?:username|email)", ("[a-z_]+\.[a-z_]+")')


def recorded():
    """The kinds that the services record."""
    found = set()
    for file in (ROOT / "services").rglob("*.rs"):
        # Types of events look alike: a test beside the code of one.
        if not {"tests", "target", "cloud_event.rs"} & set(file.parts):
            found |= {next(filter(None, groups)).strip('"') for groups in MADE.findall(file.read_text())}
    return found


def named(file, begin, end):
    """The kinds that a part of a file names."""
    text = (ROOT / file).read_text()
    start = text.index(begin)
    return set(KIND.findall(text[start : text.index(end, start)]))


def problems():
    """What is recorded and not named, or named and not recorded."""
    of_code = recorded()
    for file, begin, end in [
        ("proto/feira/user/v1/audit.proto", "Kinds:", "rpc ListAuditEvents"),
        ("gateway/web/staff/audit-log.js", "const KINDS", "];"),
    ]:
        of_file = named(file, begin, end)
        for kind in sorted(of_code ^ of_file):
            yield f"{file}: {kind} is {'not named' if kind in of_code else 'recorded by nobody'}"
