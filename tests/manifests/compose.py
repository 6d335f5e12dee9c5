"""What Compose is told: every role, hardened, with secrets that somebody has to make first.

Usage: compose.py BINARY
"""

# Covers: mesh.containers.

import os
import re
import stat
import subprocess
import sys
import tempfile

import check
import yaml
from compose_spec import PyOptions

GRPC = check.GRPC
# What looks at the roles, where somebody asks for the profile `observe`.
OBSERVERS = {"collector", "prometheus", "grafana"}


def check_specification(compose, binary):
    """The specification's own types take it, with every variable at its default."""
    with open("deploy/compose.yaml", encoding="utf-8") as file:
        text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", file.read())
    assert "${" not in text, "a variable without a default"
    try:
        PyOptions(apply_merge=True).from_yaml(text)
    except ValueError as error:
        raise AssertionError(error) from error


def check_roles(compose, binary):
    """Every role of the program is a service that runs it, and asks the program itself for its health."""
    roles = set(check.roles(binary))
    observers = {name for name, it in compose["services"].items() if it.get("profiles") == ["observe"]}
    assert observers == OBSERVERS, observers
    assert set(compose["services"]) == roles | {"postgres"} | observers, list(compose["services"])
    environment = compose["x-role"]["environment"]
    assert environment["FEIRA_ADMIN_LISTEN"] == "127.0.0.1:9090", "operators reach it within the container alone"
    for role in roles:
        service = compose["services"][role]
        assert service["command"] == ["serve", "--role", role], service["command"]
        name = [] if role == "gateway" else ["--service", f"feira.{role}.v1.{role.capitalize()}Service"]
        assert service["healthcheck"]["test"] == ["CMD", "/feira", "health", *name], service["healthcheck"]
        waits = service["depends_on"]
        assert all(it["condition"] == "service_healthy" for it in waits.values()), role
        for callee in check.calls(binary, role):
            assert service["environment"][f"FEIRA_{callee.upper()}_URL"] == f"http://{callee}:{GRPC}", role
    assert set(compose["services"]["gateway"]["depends_on"]) == roles - {"gateway"}


def check_hardening(compose, binary):
    """Nothing is written but to volumes and memory, nobody is root, and nothing is published beyond this machine."""
    for name, service in compose["services"].items():
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"] and "privileged" not in service, name
        assert service["user"] in {"65532:65532", "postgres"} or name in OBSERVERS and service["user"] not in {"0", "root"}
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} publishes {port}"
        assert ("ports" in service) == (name in {"gateway", "payment", "prometheus", "grafana"}), name
        # Only those that publish something are in a network with a way out.
        assert ("edge" in service["networks"]) == ("ports" in service), name
    assert compose["networks"]["mesh"]["internal"] is True


def check_secrets(compose, binary):
    """Each secret is a file that make-secrets makes, none is written down, and each role sees its own only."""
    sees = {
        name: {it if isinstance(it, str) else it["source"] for it in service.get("secrets", [])}
        for name, service in compose["services"].items()
    }
    databases = {role: f"{role}-database" for role in check.DATABASES}
    for name, seen in sees.items():
        own = {databases[name]} if name in databases else set()
        assert {it for it in seen if it in databases.values()} == own, f"{name} sees {seen}"
        assert ("signing" in seen, "admin" in seen) == (name == "user", name == "user"), name
        for variable, value in compose["services"][name].get("environment", {}).items():
            secret = any(word in variable for word in ["SECRET", "PASSWORD", "KEY", "DATABASE_URL"])
            assert not secret or variable.endswith("_FILE") and value.startswith("/run/secrets/"), variable
    with tempfile.TemporaryDirectory() as place:
        folder = os.path.join(place, "secrets")
        make = lambda: subprocess.run(["deploy/make-secrets", folder], check=True, stdout=subprocess.DEVNULL)
        read = lambda: {name: open(os.path.join(folder, name)).read() for name in os.listdir(folder)}
        make()
        made = read()
        wanted = {os.path.basename(it["file"]) for it in compose["secrets"].values()}
        assert set(made) == wanted, f"{set(made) ^ wanted}"
        assert all(it["file"].startswith("secrets/") for it in compose["secrets"].values())
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        passwords = [text.strip() for name, text in made.items() if name in {"mesh", "signing", "admin", "postgres"}]
        assert len(set(passwords)) == 4 and all(len(it) == 64 for it in passwords)
        # The accounts that PostgreSQL makes are those with which the roles come.
        for role in databases:
            url = made[databases[role]].strip()
            account, rest = url.removeprefix("postgres://").split(":", 1)
            password, place = rest.split("@")
            assert (account, place) == (f"feira_{role}", f"postgres:5432/feira_{role}"), url
            assert f"CREATE ROLE {account} LOGIN PASSWORD '{password}';" in made["databases.sql"]
            assert f"CREATE DATABASE {account} OWNER {account} " in made["databases.sql"]
            assert f"REVOKE CONNECT, TEMPORARY ON DATABASE {account} FROM PUBLIC;" in made["databases.sql"]
        make()
        assert read() == made, "what is there stays"


def main(binary):
    with open("deploy/compose.yaml", encoding="utf-8") as file:
        compose = yaml.safe_load(file)
    return check.run(globals(), {"compose.yaml": compose}, binary)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
