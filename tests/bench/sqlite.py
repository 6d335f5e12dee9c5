"""The floor on SQLite: a loop over the C library by Python's `sqlite3`, a file for each role as the shop has them."""

import concurrent.futures, pathlib, sqlite3, threading, time

from floor import KEYS, TABLES, names, plan


class Sqlite:
    def prepare(self, data, folder, order, payment):
        """Copies the tables' shapes from a shop's data folder, where an order was placed."""
        rows, unique, self.files = {}, {}, {}
        for role, tables in TABLES.items():
            source = sqlite3.connect(next(pathlib.Path(data).glob(f"**/{role}.db")))
            source.row_factory = sqlite3.Row
            if role == "order":
                query = "SELECT order_id FROM order_payments WHERE payment_id = ?"
                uuid = source.execute(query, [bytes.fromhex(payment[1].replace("-", ""))]).fetchone()[0]
                where = {"order": f"x'{uuid.hex()}'", "order_name": order, "payment_name": payment[0]}
            # Transactions are begun and ended by hand; statements stay prepared.
            floor = sqlite3.connect(pathlib.Path(folder, f"{role}.db"), isolation_level=None, cached_statements=256, check_same_thread=False)
            floor.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON")
            shape = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC"
            for (sql,) in source.execute(shape):
                floor.execute(sql)
            self.files[role] = floor
            rows[role], unique[role] = {}, set()
            for table, condition in tables.items():
                by = {"outbox": "id"}.get(table, "1, 2")
                by = "sequence" if table in ("order_events", "payment_events", "stock_movements") else by
                found = source.execute(f"SELECT * FROM {table} WHERE {condition.format(**where)} ORDER BY {by}").fetchall()
                assert found, f"{table} has no row of {order}"
                rows[role][table] = [dict(row) for row in found]
                if table == "outbox":
                    for row in rows[role][table]:
                        del row["id"], row["position"]
                for index in source.execute(f"PRAGMA index_list({table})").fetchall():
                    if index["unique"]:
                        columns = source.execute(f"PRAGMA index_info({index['name']})").fetchall()
                        unique[role] |= {(table, column["name"]) for column in columns}
            if role == "article":
                floor.executemany(
                    "INSERT INTO articles VALUES (" + ", ".join("?" * len(source.execute("PRAGMA table_info(articles)").fetchall())) + ")",
                    [tuple(row) for row in source.execute("SELECT * FROM articles")],
                )
                articles = [row[0] for row in source.execute("SELECT article_id FROM stock ORDER BY article_id")]
            source.close()
        stock = "INSERT INTO stock (article_id, free, reserved, sold, movements) VALUES (?, 100000000, 100000000, 0, 0)"
        self.files["article"].executemany(stock, [[article] for article in articles])
        self.lines = [line["article_id"] for line in rows["order"]["order_lines"]]
        user = rows["order"]["orders"][0]["user_id"]
        self.vary, self.count = names(rows, unique, {*articles, user}), 0
        self.turns, self.counting = {role: threading.Lock() for role in self.files}, threading.Lock()
        self.commits = [(role, [self.statement(*write) for write in writes]) for role, writes in plan(rows)]

    def statement(self, what, table, row):
        """SQL, and its values for an order's number."""
        if what == "stock":
            sql = "UPDATE stock SET free = free - 1, reserved = reserved + 1, movements = movements + 1 WHERE article_id = ?"
            article = self.lines[row]
            return sql, [lambda number: article]
        values = {column: self.value(table, column, value) for column, value in row.items()}
        if what == "update":
            key = KEYS[table]
            sql = f"UPDATE {table} SET version = version + 1, update_time = update_time + 1 WHERE {key} = ?"
            return sql, [values[key]]
        again = ""
        if table == "order_purchases":
            again = " ON CONFLICT (user_id, article_id) DO UPDATE SET quantity = quantity + excluded.quantity"
        columns, marks = ", ".join(f'"{column}"' for column in values), ", ".join("?" * len(values))
        return f"INSERT INTO {table} ({columns}) VALUES ({marks}){again}", list(values.values())

    def value(self, table, column, value):
        if isinstance(value, (str, bytes)) and value in self.vary:
            number = self.vary[value]
            if isinstance(value, bytes):
                begin = number.to_bytes(4, "big") + bytes.fromhex("000070008000")
                return lambda order: begin + order.to_bytes(6, "big")
            return lambda order: f"{number}-{order}"
        if table == "stock_movements" and column == "sequence":
            return lambda order: order * 10 + value % 10
        return lambda order: value

    def measure(self, clients, seconds):
        """Orders a second, by as many threads as there are clients. A file has one writer at a time."""
        before, began = self.count, time.monotonic()

        def client():
            while time.monotonic() - began < seconds:
                with self.counting:
                    self.count += 1
                    order = self.count
                for role, writes in self.commits:
                    file, turn = self.files[role], self.turns[role]
                    with turn:
                        file.execute("BEGIN IMMEDIATE")
                        for sql, values in writes:
                            file.execute(sql, [value(order) for value in values])
                        file.execute("COMMIT")

        with concurrent.futures.ThreadPoolExecutor(clients) as threads:
            for done in [threads.submit(client) for _ in range(clients)]:
                done.result()
        return (self.count - before) / (time.monotonic() - began)

    def stop(self):
        for file in self.files.values():
            file.close()
