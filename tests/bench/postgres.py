"""PostgreSQL: a server of the benchmark's own, and the floor on it."""

import os, pathlib, re, shutil, signal, socket, subprocess, time

from floor import KEYS, TABLES, names, plan

TEXTS = ("uuid", "varchar", "text")


class Postgres:
    """A server of the benchmark's own, as durable as it is delivered."""

    def __init__(self, folder):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
        initdb = str(found[0]) if found else shutil.which("initdb")
        if not initdb:
            raise SystemExit("there is no PostgreSQL (Debian's postgresql)")
        self.programs = pathlib.Path(initdb).parent
        data, self.script = pathlib.Path(folder, "postgres"), pathlib.Path(folder, "floor.sql")
        data.mkdir()
        os.chmod(folder, 0o755)
        self.user = {"user": "postgres"} if os.getuid() == 0 else {}
        if self.user:
            shutil.chown(data, "postgres")
        words = ["--pgdata", data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run([initdb, *words], check=True, stdout=subprocess.DEVNULL, cwd="/", **self.user)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = f"port={self.port} listen_addresses=127.0.0.1 unix_socket_directories= max_connections=300"
        settings = [word for setting in settings.split() for word in ("-c", setting)]
        log = open(pathlib.Path(folder, "postgres.log"), "w")
        words = [self.programs / "postgres", "-D", data, *settings, "-c", "shared_buffers=128MB"]
        self.process = subprocess.Popen(words, stdout=log, stderr=log, cwd="/", **self.user)
        self.begun, self.articles, until = 0, [], time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                self.ask("postgres", "SELECT 1")
                return
            except (OSError, subprocess.CalledProcessError):
                if time.monotonic() > until:
                    raise

    def url(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def ask(self, database, query):
        words = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-F", "\x1f", "-R", "\x1e", "-P", "null=\x1d", self.url(database)]
        done = subprocess.run(words, input=query, check=True, text=True, capture_output=True)
        lines = done.stdout.rstrip("\n").split("\x1e") if done.stdout.strip() else []
        return [[None if value == "\x1d" else value for value in line.split("\x1f")] for line in lines]

    def databases(self, prefix):
        roles = ["user", "article", "order", "payment", "mesh"]
        for role in roles:
            self.ask("postgres", f"CREATE DATABASE {prefix}_{role}")
        return {role: self.url(f"{prefix}_{role}") for role in roles}

    def prepare(self, prefix, order, payment):
        """Copies the tables' shapes into a database of the floor's own, a schema for each role, and writes the script."""
        self.ask("postgres", f"CREATE DATABASE {prefix}_floor")
        rows, unique, self.types = {}, {}, {}
        uuid = self.ask(f"{prefix}_order", f"SELECT order_id FROM order_payments WHERE payment_id = '{payment[1]}'")[0][0]
        for role, tables in TABLES.items():
            database = f"{prefix}_{role}"
            words = [self.programs / "pg_dump", "-sOx", "--no-comments", self.url(database)]
            shape = subprocess.run(words, check=True, text=True, capture_output=True).stdout
            shape = "\n".join(line for line in shape.splitlines() if not line.startswith("\\"))
            self.ask(f"{prefix}_floor", f'CREATE SCHEMA "{role}";\n' + shape.replace("public.", f'"{role}".'))
            rows[role], unique[role] = {}, set()
            for table, where in tables.items():
                columns = self.ask(
                    database,
                    "SELECT column_name, udt_name FROM information_schema.columns WHERE table_schema = 'public' AND "
                    f"table_name = '{table}' AND is_identity = 'NO' AND NOT (table_name = 'outbox' AND column_name IN "
                    "('id', 'position')) ORDER BY ordinal_position",
                )
                self.types[role, table] = dict(columns)
                list_ = ", ".join(f'"{name}"::text' for name, _ in columns)
                where = where.format(order=f"'{uuid}'", order_name=order, payment_name=payment[0])
                order_by = {"outbox": " ORDER BY id"}.get(table, " ORDER BY 1, 2")
                if table in ("order_events", "payment_events", "stock_movements"):
                    order_by = " ORDER BY sequence"
                found = self.ask(database, f"SELECT {list_} FROM {table} WHERE {where}{order_by}")
                rows[role][table] = [dict(zip((name for name, _ in columns), row)) for row in found]
                assert found, f"{table} has no row of {order}"
                in_index = self.ask(
                    database,
                    "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey) "
                    f"WHERE indisunique AND indrelid = '{table}'::regclass",
                )
                unique[role] |= {(table, name) for (name,) in in_index if self.types[role, table].get(name) in TEXTS}
        self.fill(prefix, rows, unique)

    def fill(self, prefix, rows, unique):
        articles = self.ask(f"{prefix}_article", "SELECT article_id FROM stock ORDER BY article_id")
        self.articles = [row[0] for row in articles]
        words = [self.programs / "pg_dump", "-aOx", "-t", "articles", "--inserts", self.url(f"{prefix}_article")]
        copied = subprocess.run(words, check=True, text=True, capture_output=True).stdout
        copied = "\n".join(line for line in copied.splitlines() if not line.startswith("\\"))
        self.ask(f"{prefix}_floor", copied.replace("INTO public.", "INTO article."))
        values = ", ".join(f"('{article}', 100000000, 100000000, 0, 0)" for article in self.articles)
        self.ask(f"{prefix}_floor", f"INSERT INTO article.stock (article_id, free, reserved, sold, movements) VALUES {values}")
        user = rows["order"]["orders"][0]["user_id"]
        lines = [line["article_id"] for line in rows["order"]["order_lines"]]
        self.vary, self.lines = names(rows, unique, {*self.articles, user}), lines
        self.rows, self.prefix = rows, prefix
        script = [
            # Each client counts by itself; `m` is a number that no other order has.
            "\\set n :n + 1",
            "\\set m :n * 64 + :client_id",
            f"\\set a 2 * :client_id % {len(self.articles)} + 1",
        ]
        for role, writes in plan(rows):
            script += ["BEGIN;", *(self.statement(role, *write) + ";" for write in writes), "COMMIT;"]
        self.script.write_text("\n".join(script) + "\n")

    def value(self, role, table, column, value):
        """A value as SQL, different for each order where it must be."""
        kind = self.types[role, table][column]
        if value in self.vary and kind == "uuid":
            number = self.vary[value]
            # As near to one another as version 7's are.
            return f"('{number:08x}-0000-7000-8000-' || lpad(to_hex(:m::bigint), 12, '0'))::uuid"
        if value in self.vary and kind in TEXTS:
            if len(value) <= 8:
                return "lpad(to_hex(:m::bigint), 8, '0')"
            return f"'{self.vary[value]}-' || :m::bigint"
        if value in self.articles and value in self.lines:
            array = ", ".join(f"'{article}'" for article in self.articles)
            return f"(ARRAY[{array}])[:a::int + {self.lines.index(value)}]::uuid"
        if table == "stock_movements" and column == "sequence":
            return f":m::bigint * 10 + {int(value) % 10}"
        if value is None:
            return "NULL"
        # pgbench takes a colon for a variable, in texts, too.
        quoted = value.replace("'", "''").replace("\\", "\\\\").replace(":", "\\x3a")
        return f"E'{quoted}'::{kind}"

    def statement(self, role, what, table, row):
        if what == "stock":
            array = ", ".join(f"'{article}'" for article in self.articles)
            return (
                "UPDATE article.stock SET free = free - 1, reserved = reserved + 1, movements = movements + 1 "
                f"WHERE article_id = (ARRAY[{array}])[:a::int + {row}]::uuid"
            )
        values = {column: self.value(role, table, column, value) for column, value in row.items()}
        if what == "update":
            key = KEYS[table]
            return f'UPDATE "{role}".{table} SET version = version + 1, update_time = update_time + 1 WHERE {key} = {values[key]}'
        again = ""
        if table == "order_purchases":
            again = " ON CONFLICT (user_id, article_id) DO UPDATE SET quantity = order_purchases.quantity + excluded.quantity"
        columns = ", ".join(f'"{column}"' for column in values)
        return f'INSERT INTO "{role}".{table} ({columns}) VALUES ({", ".join(values.values())}){again}'

    def seed(self, prefix, have, rows):
        """Puts copies of the order into the shop's own tables until there are so many; but no events, and no stock."""
        for role, writes in plan(self.rows):
            for what, table, row in writes:
                if what != "insert" or table in ("outbox", "order_purchases"):
                    continue
                insert = self.statement(role, what, table, row).replace(f'"{role}".', "public.", 1)
                insert = insert.replace(":m::bigint", "m").replace(":a::int", f"(2 * m % {len(self.articles)} + 1)")
                into, values = insert.split(" VALUES (", 1)
                # Eight hexadecimal digits hold them.
                numbers = f"generate_series({3 * 10**9 + have}, {3 * 10**9 + rows - 1}) AS m"
                self.ask(f"{prefix}_{role}", f"{into} SELECT {values[:-1]} FROM {numbers}")
        for role in TABLES:
            # As autovacuum would have done by then.
            self.ask(f"{prefix}_{role}", "VACUUM ANALYZE")

    def measure(self, clients, seconds):
        """Orders a second. For three seconds at least: each client first has its statements prepared."""
        self.begun += 1
        base = self.begun * 1_000_000
        words = [self.programs / "pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(max(3, round(seconds)))]
        words += ["-f", self.script, "-D", f"n={base}", self.url(f"{self.prefix}_floor")]
        done = subprocess.run(words, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"pgbench: {done.stderr[-2000:]}")
        return float(re.search(r"tps = ([0-9.]+)", done.stdout)[1])

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(30)
