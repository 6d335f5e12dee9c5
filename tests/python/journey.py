"""The journey by a client that shares no line of code with Feira: Python, grpcio, stubs generated from proto/.

Usage: journey.py BINARY
"""

# Covers: mesh.clients.

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request
import uuid

import grpc
from google.protobuf import field_mask_pb2
from google.rpc import error_details_pb2
from google.type import money_pb2
from grpc_status import rpc_status

from feira.article.v1 import article_pb2 as article
from feira.article.v1 import article_pb2_grpc
from feira.order.v1 import order_pb2 as order
from feira.order.v1 import order_pb2_grpc
from feira.payment.v1 import payment_pb2 as payment
from feira.payment.v1 import payment_pb2_grpc
from feira.user.v1 import user_pb2 as user
from feira.user.v1 import user_pb2_grpc

ADMIN_PASSWORD = "correct horse battery"
PATIENCE = 20.0


class Process:
    """The real binary with everything in it, on a data folder of its own."""

    def __init__(self, binary):
        self.folder = tempfile.TemporaryDirectory()
        env = {name: value for name, value in os.environ.items() if not name.startswith(("FEIRA_", "OTEL_"))}
        env |= {
            "FEIRA_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "FEIRA_PASSWORD_MEMORY_KIB": "8",
            "FEIRA_PASSWORD_ITERATIONS": "1",
        }
        arguments = ["serve", "--rest-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0", "--data-dir", "data"]
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [os.path.abspath(binary), *arguments],
            cwd=self.folder.name,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        watchdog = threading.Timer(60, self.process.kill)
        watchdog.start()
        line = self.process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise RuntimeError(f"it does not start:\n{self.errors()}")
        self.grpc = json.loads(line)["ready"]["grpc"].removeprefix("http://")

    def errors(self):
        self.log.flush()
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        errors = self.errors()
        self.log.close()
        self.folder.cleanup()
        assert code == 0, f"exit code {code}:\n{errors}"
        assert "panicked at" not in errors and "internal error" not in errors, errors

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Client:
    """Every service, as one caller."""

    def __init__(self, channel, token=None):
        self.channel = channel
        self.metadata = [("authorization", f"Bearer {token}")] if token else []
        self.users = user_pb2_grpc.UserServiceStub(channel)
        self.auth = user_pb2_grpc.AuthServiceStub(channel)
        self.articles = article_pb2_grpc.ArticleServiceStub(channel)
        self.stock = article_pb2_grpc.StockServiceStub(channel)
        self.orders = order_pb2_grpc.OrderServiceStub(channel)
        self.payments = payment_pb2_grpc.PaymentServiceStub(channel)

    def __call__(self, method, request, **metadata):
        extra = [(name.replace("_", "-"), value) for name, value in metadata.items()]
        return method(request, metadata=self.metadata + extra, timeout=30)

    def sign_in(self, login, password):
        tokens = self(self.auth.SignIn, user.SignInRequest(login=login, password=password))
        return Client(self.channel, tokens.access_token), tokens


def euros(cents):
    return money_pb2.Money(currency_code="EUR", units=cents // 100, nanos=cents % 100 * 10_000_000)


def address():
    return user.Address(
        recipient="Grace Hopper", lines=["Rua do Ouro 2"], postal_code="1100-061", city="Lisboa", country_code="PT"
    )


@contextlib.contextmanager
def refused(code, reason):
    """The call within must fail with this code and reason; yields what its details say."""
    details = {"fields": []}
    try:
        yield details
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()} {error.details()}"
        status = rpc_status.from_call(error)
        assert status is not None, "it has details"
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        for detail in status.details:
            if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
                detail.Unpack(info)
            if detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
                detail.Unpack(bad)
        assert (info.domain, info.reason) == ("feira", reason), info
        details |= {"metadata": dict(info.metadata), "fields": [it.field for it in bad.field_violations]}
    else:
        raise AssertionError(f"it must be refused with {code} {reason}")


def until(what, ask):
    deadline = time.monotonic() + PATIENCE
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


class Journey:
    """The steps; each stands on those before it."""

    def __init__(self, address):
        self.anybody = Client(grpc.insecure_channel(address))

    def step_1_she_registers_and_signs_in(self):
        request = user.CreateUserRequest(
            username="grace", email="grace@example.com", password="long enough 1", address=address()
        )
        made = self.anybody(self.anybody.users.CreateUser, request, idempotency_key="register-1")
        again = self.anybody(self.anybody.users.CreateUser, request, idempotency_key="register-1")
        assert made == again and made.id.startswith("usr_")
        self.grace, tokens = self.anybody.sign_in("GRACE@example.com", "long enough 1")
        assert tokens.user == made and tokens.expires_in == 600
        assert self.grace(self.grace.users.GetUser, user.GetUserRequest(id="me")) == made
        renamed = user.User(id="me", first_name="Grace", last_name="Hopper")
        mask = field_mask_pb2.FieldMask(paths=["last_name"])
        changed = self.grace(self.grace.users.UpdateUser, user.UpdateUserRequest(user=renamed, update_mask=mask))
        assert (changed.first_name, changed.last_name) == ("", "Hopper")

    def step_2_staff_creates_articles_and_receives_stock(self):
        self.staff, _ = self.anybody.sign_in("admin", ADMIN_PASSWORD)
        lamp = article.Article(code="LAMP", name="Candeeiro", price=euros(3999), tax_rate_basis_points=2300, active=True)
        self.lamp = self.staff(self.staff.articles.CreateArticle, article.CreateArticleRequest(article=lamp))
        assert self.lamp.price == euros(3999)
        received = article.AdjustStockRequest(
            article_id=self.lamp.id, delta=10, reason=article.STOCK_REASON_RECEIVED
        )
        assert self.staff(self.staff.stock.AdjustStock, received).free == 10

    def step_3_what_is_wrong_is_told_by_its_field(self):
        with refused(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"):
            self.grace(self.grace.articles.CreateArticle, article.CreateArticleRequest(article=self.lamp))
        with refused(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"):
            self.anybody(self.anybody.users.GetUser, user.GetUserRequest(id="me"))
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION") as details:
            self.grace(self.grace.orders.AddLine, order.AddLineRequest(order_id="open", article_id="x", quantity=0))
        assert details["fields"] == ["article_id", "quantity"], details
        with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS") as details:
            copy = article.Article(code="LAMP", name="Another", price=euros(1), active=True)
            self.staff(self.staff.articles.CreateArticle, article.CreateArticleRequest(article=copy))
        assert details["metadata"]["field"] == "code"

    def step_4_she_searches_and_fills_her_basket(self):
        found = self.grace(self.grace.articles.ListArticles, article.ListArticlesRequest(query="cand", in_stock=True))
        assert [it.id for it in found.articles] == [self.lamp.id]
        with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
            self.grace(self.grace.orders.GetOpenOrder, order.GetOpenOrderRequest())
        line = order.AddLineRequest(order_id="open", article_id=self.lamp.id, quantity=2)
        self.basket = self.grace(self.grace.orders.AddLine, line)
        assert self.basket.total == euros(2 * 3999)

    def step_5_she_pays_and_watches_it_arrive(self):
        seen, watching = [], threading.Thread(target=lambda: seen.extend(self.watch(self.basket.id)))
        watching.start()
        key = str(uuid.uuid4())
        request = order.CheckoutRequest(id="open", address=address(), payment_method="sim_decline")
        declined = self.grace(self.grace.orders.Checkout, request, idempotency_key=key)
        declined = self.until(declined.id, lambda it: it.payment_failure)
        assert declined.payment_failure == "DECLINED" and declined.state == order.ORDER_STATE_AWAITING_PAYMENT
        self.grace(self.grace.orders.Checkout, order.CheckoutRequest(id=declined.id, payment_method="sim_approve"))
        self.until(declined.id, lambda it: it.state == order.ORDER_STATE_PAID)
        self.staff(self.staff.orders.ShipOrder, order.ShipOrderRequest(id=declined.id, carrier="CTT"))
        self.staff(self.staff.orders.DeliverOrder, order.DeliverOrderRequest(id=declined.id))
        watching.join(PATIENCE)
        history = self.grace(self.grace.orders.ListOrderEvents, order.ListOrderEventsRequest(order_id=declined.id))
        assert seen == list(history.events), "the stream is the history"
        assert [it.sequence for it in seen] == list(range(1, len(seen) + 1))
        assert seen[-1].state == order.ORDER_STATE_DELIVERED

    def step_6_a_payment_that_needs_an_action(self):
        made = self.place("sim_action")
        made = self.until(made.id, lambda it: it.payment_action_url)
        body = json.dumps({"outcome": "approve"}).encode()
        headers = {"content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(made.payment_action_url, body, headers), timeout=10) as answer:
            assert answer.status < 300
        self.until(made.id, lambda it: it.state == order.ORDER_STATE_PAID)

    def step_7_cancelled_after_payment_the_money_comes_back(self):
        made = self.until(self.place("sim_approve").id, lambda it: it.state == order.ORDER_STATE_PAID)
        cancelled = self.grace(self.grace.orders.CancelOrder, order.CancelOrderRequest(id=made.id, reason="too many"))
        assert cancelled.state == order.ORDER_STATE_CANCELLED
        request = payment.GetPaymentRequest(id=made.payment_id)
        back = lambda: self.grace(self.grace.payments.GetPayment, request).state == payment.PAYMENT_STATE_REFUNDED
        until("the money comes back", back)
        stock = lambda: self.staff(self.staff.stock.GetStock, article.GetStockRequest(article_id=self.lamp.id))
        until("the stock comes back", lambda: (stock().free, stock().reserved, stock().sold) == (7, 0, 3))

    def step_8_a_shortage_names_what_is_short(self):
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK") as details:
            self.place("sim_approve", quantity=8)
        assert (details["metadata"]["article_id"], details["metadata"]["free"]) == (self.lamp.id, "7")

    def place(self, method, quantity=1):
        line = order.OrderLine(article_id=self.lamp.id, quantity=quantity)
        request = order.CreateOrderRequest(lines=[line], address=address(), payment_method=method)
        return self.grace(self.grace.orders.CreateOrder, request)

    def until(self, id, condition):
        read = lambda: self.grace(self.grace.orders.GetOrder, order.GetOrderRequest(id=id))
        return until("the order gets there", lambda: (it := read()) and condition(it) and it)

    def watch(self, id):
        return list(self.grace.orders.WatchOrder(order.WatchOrderRequest(id=id), metadata=self.grace.metadata))


def main(binary):
    process = Process(binary)
    passed, failed = 0, 0
    try:
        journey = Journey(process.grpc)
        for name in sorted(name for name in dir(Journey) if name.startswith("step_")):
            try:
                getattr(journey, name)()
            except Exception:
                failed += 1
                print(f"{name} ... FAILED")
                traceback.print_exc()
                break
            passed += 1
            print(f"{name} ... ok")
        journey.anybody.channel.close()
        if failed:
            print(process.errors()[-4000:], file=sys.stderr)
        else:
            process.stop()
    finally:
        process.kill()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
