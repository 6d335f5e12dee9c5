"""What the documents name is there: links and their anchors, files, settings, flags; and each event that the code logs
has its line in LOGGING.md."""

import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Where every flag is Feira's own.
OF_FLAGS = ["README.md", "LOGGING.md", "docs/gateway.md", "docs/operations.md", "docs/demo-shop.md"]
COMMANDS = [["serve"], ["migrate"], ["seed"], ["status"], ["verify"], ["health"], ["descriptors"], ["certs"]]
COMMANDS += [["admin"], *(["admin", task] for task in ("create", "reset-password", "list"))]
COMMANDS += [["backup"], ["restore"], ["doctor"], ["log-level"], ["events"], ["events", "replay"]]
COMMANDS += [["gateway"]]
COMMANDS += [["keys"], *(["keys", task] for task in ("rotate", "rewrap", "list"))]
FILE = re.compile(r"[\w./{},-]+\.(?:rs|proto|toml|md|yaml|js|mjs|html|lock)")
# Names that stand for others.
STANDS_FOR = re.compile(r"SERVICE|0000NN|FILE\b")


def listed(*patterns):
    """The files that git knows, and those that it would take in."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()


def anchor(heading):
    """A heading's anchor, as web pages of repositories make them."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def anchors(file):
    text = re.sub(r"^```.*?^```", "", file.read_text(), flags=re.S | re.M)
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.M)}


def links(file, text):
    """Links that lead nowhere within the repository."""
    prose = re.sub(r"`[^`]*`", "", text)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, name = target.partition("#")
        there = (ROOT / file).parent / path if path else ROOT / file
        if not there.exists():
            yield f"{file}: the link {target} leads nowhere"
        elif name and name not in anchors(there):
            yield f"{file}: there is no such heading: {target}"


def spelled_out(name):
    """a/{b,c}.rs: each of them."""
    found = re.search(r"\{([^{}]*)\}", name)
    if not found:
        return [name]
    parts = found[1].split(",")
    return [each for part in parts for each in spelled_out(name[: found.start()] + part + name[found.end() :])]


def files(file, text, known):
    """Files that are named and not there, wherever their names begin."""
    for code in re.findall(r"`([^`\n]+)`", text):
        if not FILE.fullmatch(code) or STANDS_FOR.search(code) or code.startswith("/"):
            continue
        for name in spelled_out(code):
            # Without `../`, but with the dot of `.cargo`.
            ending = "/" + re.sub(r"^(\.\.?/)+", "", os.path.normpath(name))
            if not any(("/" + path).endswith(ending) for path in known):
                yield f"{file}: there is no file {name}"


def flags(file, text, helped):
    """Flags that no command has."""
    for code in re.findall(r"`([^`\n]+)`", text):
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", code):
            if code.startswith(("--", "feira")) and flag not in helped:
                yield f"{file}: no command has {flag}"


def help_of(program):
    environment = {"PATH": os.environ["PATH"]}
    told = [
        subprocess.run([program, *command, "--help"], env=environment, check=True, capture_output=True, text=True).stdout
        for command in COMMANDS
    ]
    return set(re.findall(r"--[a-z][a-z-]+", "\n".join(told)))


def events():
    """The events that the code logs by name."""
    found = set()
    for file in listed("services/*.rs", "gateway/src/*.rs"):
        text = (ROOT / file).read_text()
        found.update(re.findall(r'tracing::\w+!\([^;]*?"([a-z]+\.[a-z_]+)"\s*\)', text))
        found.update(re.findall(r'"message": "([a-z]+\.[a-z_]+)"', text))
    return found


def problems(program):
    """Whatever the documents name that is not there."""
    known = listed()
    code = "\n".join(
        (ROOT / file).read_text(errors="replace")
        for file in known
        if not file.endswith((".md", ".lock", ".png")) and (ROOT / file).is_file()
    )
    helped = help_of(program)
    documents = listed("*.md")
    for file in documents:
        text = re.sub(r"^ *```.*?^ *```", "", (ROOT / file).read_text(), flags=re.S | re.M)
        yield from links(file, text)
        if file != "CHANGELOG.md":
            yield from files(file, text, known)
        if file in OF_FLAGS:
            yield from flags(file, text, helped)
        for name in sorted(set(re.findall(r"\bFEIRA_[A-Z_]*[A-Z]\b", text))):
            if name not in code and not STANDS_FOR.search(name) and "ROLE" not in name:
                yield f"{file}: nothing reads {name}"
    logged = events()
    told = (ROOT / "LOGGING.md").read_text()
    written = set(re.findall(r"`([a-z]+\.[a-z_]+)`", told))
    yield from (f"LOGGING.md: it lacks the event {name}" for name in sorted(logged - written))
