"""Throwaway database servers of this machine's own programs, for drills."""

import contextlib, os, pathlib, shutil, socket, subprocess, time

ROLES = ["user", "article", "order", "payment", "mesh"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def as_owner(name, folder, *words):
    """Words that a server's own user runs, where we are root, as which servers refuse to run."""
    if os.getuid() != 0:
        return list(map(str, words))
    shutil.chown(folder, name)
    return ["runuser", "-u", name, "--", *map(str, words)]


class Postgres:
    """A server; of a copy of another's folder where `folder` has one."""

    name, scheme = "PostgreSQL", "postgres"

    def __init__(self, folder):
        versions = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        assert versions, "there is no PostgreSQL on this machine"
        self.tools, self.folder, self.port = versions[-1], pathlib.Path(folder), free_port()
        self.url = f"postgres://feira@127.0.0.1:{self.port}"

    def run(self, *words, **more):
        subprocess.run(as_owner("postgres", self.folder, *words), check=True, stdout=subprocess.DEVNULL, cwd="/", **more)

    def __enter__(self):
        self.folder.mkdir(exist_ok=True)
        if not (self.folder / "PG_VERSION").exists():
            self.run(self.tools / "initdb", "-D", self.folder, "-U", "feira", "-A", "trust")
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", "postgres", self.folder], check=True)
        self.folder.chmod(0o700)
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=300"
        self.run(self.tools / "pg_ctl", "-D", self.folder, "-w", "-l", self.folder / "log", "-o", options, "start")
        return self

    def __exit__(self, *_):
        self.run(self.tools / "pg_ctl", "-D", self.folder, "-m", "immediate", "stop")

    def make(self, name):
        subprocess.run(["psql", f"{self.url}/postgres", "-qc", f"CREATE DATABASE {name}"], check=True)

    def back_up(self, names, place):
        """The whole server, to the moment at which the copy ends."""
        command = ["pg_basebackup", f"--pgdata={place}", "--checkpoint=fast", f"--dbname={self.url}/postgres"]
        subprocess.run(command, check=True)

    def restored(self, place):
        """A server that has what a backup has."""
        return Postgres(place)


class MariaDb:
    name, scheme = "MariaDB", "mysql"

    def __init__(self, folder, dump=None):
        assert shutil.which("mariadbd") or pathlib.Path("/usr/sbin/mariadbd").exists(), "there is no MariaDB on this machine"
        self.folder, self.port, self.dump = pathlib.Path(folder), free_port(), dump
        self.url = f"mysql://root@127.0.0.1:{self.port}"

    def client(self, *words):
        return [*words, "--protocol=tcp", "--host=127.0.0.1", f"--port={self.port}", "--user=root"]

    def __enter__(self):
        self.folder.mkdir(exist_ok=True)
        data = self.folder / "data"
        install = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(as_owner("mysql", self.folder, *install), check=True, stdout=subprocess.DEVNULL)
        program = shutil.which("mariadbd") or "/usr/sbin/mariadbd"
        words = [program, "--no-defaults", f"--datadir={data}", f"--socket={self.folder}/s", f"--port={self.port}",
                 "--bind-address=127.0.0.1", f"--pid-file={self.folder}/pid", "--max-connections=300"]
        self.process = subprocess.Popen(as_owner("mysql", self.folder, *words), stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while subprocess.run(self.client("mariadb-admin", "ping"), capture_output=True).returncode != 0:
            assert time.monotonic() < until, "MariaDB does not start"
            time.sleep(0.1)
        if self.dump:
            with open(self.dump) as dump:
                subprocess.run(self.client("mariadb"), stdin=dump, check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(self.client("mariadb-admin", "shutdown"), check=True)
        self.process.wait(60)

    def make(self, name):
        subprocess.run(self.client("mariadb", "-e", f"CREATE DATABASE {name} CHARACTER SET utf8mb4"), check=True)

    def back_up(self, names, place):
        """All databases by one command, which is one moment."""
        with open(place, "w") as out:
            subprocess.run(self.client("mariadb-dump", "--single-transaction", "--databases", *names), stdout=out, check=True)

    def restored(self, place):
        return MariaDb(f"{place}.server", place)


@contextlib.contextmanager
def with_databases(server):
    """A running server with a database for each role: what tells a shop where they are."""
    with server:
        names = [f"feira_{role}" for role in ROLES]
        for name in names:
            server.make(name)
        yield names


def settings(server):
    return {f"FEIRA_{role.upper()}_DATABASE_URL": f"{server.url}/feira_{role}" for role in ROLES}
