"""The floor: what the same rows cost a program that has them ready and knows nothing.

The rows of one order that the shop has placed are read from its tables, and written again and again under other ids, into
tables of the same shape with the same indexes, in the seven commits that an order takes:

    order    the order, its lines, the first event, the plan of reservation and payment
    article  the reservation, two articles' stock and movements
    payment  the payment, begun
    provider (simulated) the charge and its idempotency key
    payment  the payment, captured; ledger
    article  the reservation committed, stock and movements
    order    paid; history, purchases

each with the events that the shop publishes. On PostgreSQL by pgbench, with prepared statements; on SQLite by a loop over
Python's `sqlite3`, which is SQLite's C library with its cache of prepared statements: a thread a client, one connection a
file that they take in turns, the journal and `synchronous` as the shop has them. Nothing is read, but what an UPDATE finds.
"""

# Of which tables an order has rows, and how they are found.
TABLES = {
    "order": {
        "orders": "id = {order}", "order_lines": "order_id = {order}", "order_events": "order_id = {order}",
        "order_reservations": "order_id = {order}", "order_payments": "order_id = {order}",
        "order_purchases": "article_id IN (SELECT article_id FROM order_lines WHERE order_id = {order})",
        "outbox": "aggregate_id = '{order_name}'",
    },
    "article": {
        "reservations": "order_id = {order}", "reservation_lines": "order_id = {order}",
        "stock_movements": "order_id = {order}",
    },
    "payment": {
        "payments": "order_id = {order}", "payment_events": "payment_id IN (SELECT id FROM payments WHERE order_id = {order})",
        "ledger_entries": "payment_id IN (SELECT id FROM payments WHERE order_id = {order})",
        "simulator_charges": "merchant_id LIKE '%{payment_name}%'", "simulator_keys": "idempotency_key LIKE '%{payment_name}%'",
        "outbox": "aggregate_id = '{payment_name}'",
    },
}  # fmt: skip
KEYS = {
    "orders": "id", "order_reservations": "order_id", "reservations": "order_id", "payments": "id",
}  # fmt: skip


def plan(rows):
    """The commits: of each, its role and its writes (`("insert", table, row)`, `("update", table, row)`, `("stock", k)`)."""
    order, article, payment = rows["order"], rows["article"], rows["payment"]
    insert = lambda table, them: [("insert", table, row) for row in them]
    update = lambda table, them: [("update", table, row) for row in them]
    stock = [("stock", None, 0), ("stock", None, 1)]
    half = len(article["stock_movements"]) // 2
    return [
        ("order", [
            *insert("orders", order["orders"]), *insert("order_lines", order["order_lines"]),
            *insert("order_events", order["order_events"][:1]), *insert("order_reservations", order["order_reservations"]),
            *insert("order_payments", order["order_payments"]), *insert("outbox", order["outbox"][:1]),
        ]),
        ("article", [
            *insert("reservations", article["reservations"]), *insert("reservation_lines", article["reservation_lines"]),
            *stock, *insert("stock_movements", article["stock_movements"][:half]),
        ]),
        ("payment", [
            *insert("payments", payment["payments"]), *insert("payment_events", payment["payment_events"][:1]),
            *insert("outbox", payment["outbox"][:1]),
        ]),
        ("payment", [
            *insert("simulator_keys", payment["simulator_keys"][:1]), *insert("simulator_charges", payment["simulator_charges"]),
        ]),
        ("payment", [
            *update("payments", payment["payments"]), *insert("payment_events", payment["payment_events"][1:]),
            *insert("ledger_entries", payment["ledger_entries"]), *insert("outbox", payment["outbox"][1:]),
        ]),
        ("article", [
            *update("reservations", article["reservations"]), *stock,
            *insert("stock_movements", article["stock_movements"][half:]),
        ]),
        ("order", [
            *update("orders", order["orders"]), *insert("order_events", order["order_events"][1:]),
            *insert("order_purchases", order["order_purchases"]), *insert("outbox", order["outbox"][1:]),
        ]),
    ]  # fmt: skip


def names(rows, unique, keep):
    """The values that must differ from order to order, numbered: texts and ids in unique columns, but for `keep`."""
    found = {}
    for role, tables in rows.items():
        for table, lines in tables.items():
            for row in lines:
                for column, value in row.items():
                    if column != "account" and (table, column) in unique[role] and isinstance(value, (str, bytes)) and value not in keep:
                        found.setdefault(value, len(found))
    return found
