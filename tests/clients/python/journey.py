"""The journey, on the client of clients/python. Usage: journey.py HOST:PORT, with the administrator's password in
FEIRA_ADMIN_PASSWORD."""

# Covers: mesh.clients.

import contextlib
import json
import os
import sys
import threading
import time
import traceback
import urllib.request
import uuid

import grpc
from google.protobuf import field_mask_pb2

from shop import Problem, connect, euros, shown
from feira.article.v1 import article_pb2 as article
from feira.order.v1 import order_pb2 as order
from feira.payment.v1 import payment_pb2 as payment
from feira.user.v1 import user_pb2 as user

PATIENCE = 20.0


def address():
    return user.Address(
        recipient="Grace Hopper", lines=["Rua do Ouro 2"], postal_code="1100-061", city="Lisboa", country_code="PT"
    )


@contextlib.contextmanager
def refused(code, reason):
    """The call within must fail with this code and reason; yields what its details say."""
    problem = Problem(None, "")
    try:
        yield problem
    except grpc.RpcError as error:
        problem.__dict__ |= vars(Problem.of(error))
        assert (problem.code, problem.reason) == (code, reason), problem
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
    """The steps; each stands on those before it, and returns what is worth telling."""

    def __init__(self, address):
        self.anybody = connect(address)

    def step_01_she_registers_and_signs_in(self):
        request = user.CreateUserRequest(
            username="grace", email="grace@example.com", password="long enough 1", address=address()
        )
        made, first = self.anybody.safely(self.anybody.users.CreateUser, request, key="register-1")
        again, second = self.anybody.safely(self.anybody.users.CreateUser, request, key="register-1")
        assert made == again and made.id.startswith("usr_")
        assert (first, second) == (False, True), "the second answer says that it is the first's"
        self.grace, tokens = self.anybody.sign_in("GRACE@example.com", "long enough 1")
        assert tokens.user == made and tokens.expires_in == 600
        assert self.grace.call(self.grace.users.GetUser, user.GetUserRequest(id="me")) == made
        renamed = user.User(id="me", first_name="Grace", last_name="Hopper")
        mask = field_mask_pb2.FieldMask(paths=["last_name"])
        changed = self.grace.call(self.grace.users.UpdateUser, user.UpdateUserRequest(user=renamed, update_mask=mask))
        assert (changed.first_name, changed.last_name) == ("", "Hopper")
        return f"CreateUser twice → {made.id[:8]}…, the second replayed"

    def step_02_staff_creates_articles_and_receives_stock(self):
        self.staff, _ = self.anybody.sign_in("admin", os.environ["FEIRA_ADMIN_PASSWORD"])
        lamp = article.Article(code="LAMP", name="Candeeiro", price=euros(3999), tax_rate_basis_points=2300, active=True)
        self.lamp = self.staff.call(self.staff.articles.CreateArticle, article.CreateArticleRequest(article=lamp))
        assert self.lamp.price == euros(3999)
        received = article.AdjustStockRequest(
            article_id=self.lamp.id, delta=10, reason=article.STOCK_REASON_RECEIVED
        )
        assert self.staff.call(self.staff.stock.AdjustStock, received).free == 10
        return f"CreateArticle, AdjustStock → {shown(self.lamp.price)}, 10 free"

    def step_03_what_is_wrong_is_told_by_its_field(self):
        with refused(grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"):
            self.grace.call(self.grace.articles.CreateArticle, article.CreateArticleRequest(article=self.lamp))
        with refused(grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"):
            self.anybody.call(self.anybody.users.GetUser, user.GetUserRequest(id="me"))
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "VALIDATION") as problem:
            line = order.AddLineRequest(order_id="open", article_id="x", quantity=0)
            self.grace.call(self.grace.orders.AddLine, line)
        assert list(problem.fields) == ["article_id", "quantity"], problem
        with refused(grpc.StatusCode.ALREADY_EXISTS, "ALREADY_EXISTS") as exists:
            copy = article.Article(code="LAMP", name="Another", price=euros(1), active=True)
            self.staff.call(self.staff.articles.CreateArticle, article.CreateArticleRequest(article=copy))
        assert exists.metadata["field"] == "code"
        return f"AddLine of 0 → {problem.code.name} {problem.fields}"

    def step_04_she_searches_and_fills_her_basket(self):
        search = article.ListArticlesRequest(query="cand", in_stock=True)
        found = self.grace.call(self.grace.articles.ListArticles, search)
        assert [it.id for it in found.articles] == [self.lamp.id]
        with refused(grpc.StatusCode.NOT_FOUND, "NOT_FOUND"):
            self.grace.call(self.grace.orders.GetOpenOrder, order.GetOpenOrderRequest())
        line = order.AddLineRequest(order_id="open", article_id=self.lamp.id, quantity=2)
        self.basket = self.grace.call(self.grace.orders.AddLine, line)
        assert self.basket.total == euros(2 * 3999)
        return f"AddLine → {shown(self.basket.total)}"

    def step_05_she_pays_and_watches_it_arrive(self):
        seen, watching = [], threading.Thread(target=lambda: seen.extend(self.grace.watch(self.basket.id)))
        watching.start()
        request = order.CheckoutRequest(id="open", address=address(), payment_method="sim_decline")
        declined, _ = self.grace.safely(self.grace.orders.Checkout, request)
        declined = self.until(declined.id, lambda it: it.payment_failure)
        assert declined.payment_failure == "DECLINED" and declined.state == order.ORDER_STATE_AWAITING_PAYMENT
        request, key = order.CheckoutRequest(id=declined.id, payment_method="sim_approve"), str(uuid.uuid4())
        paid, first = self.grace.safely(self.grace.orders.Checkout, request, key=key)
        again, second = self.grace.safely(self.grace.orders.Checkout, request, key=key)
        assert again == paid and (first, second) == (False, True)
        self.until(declined.id, lambda it: it.state == order.ORDER_STATE_PAID)
        self.staff.call(self.staff.orders.ShipOrder, order.ShipOrderRequest(id=declined.id, carrier="CTT"))
        self.staff.call(self.staff.orders.DeliverOrder, order.DeliverOrderRequest(id=declined.id))
        watching.join(PATIENCE)
        history = self.grace.call(self.grace.orders.ListOrderEvents, order.ListOrderEventsRequest(order_id=declined.id))
        assert seen == list(history.events), "the stream is the history, and ended by itself"
        assert [it.sequence for it in seen] == list(range(1, len(seen) + 1))
        assert seen[-1].state == order.ORDER_STATE_DELIVERED
        states = [order.OrderState.Name(it.state).removeprefix("ORDER_STATE_") for it in seen]
        return f"Checkout declined, then approved; WatchOrder → {' '.join(states)}"

    def step_06_a_payment_that_needs_an_action(self):
        made = self.until(self.place("sim_action").id, lambda it: it.payment_action_url)
        body = json.dumps({"outcome": "approve"}).encode()
        headers = {"content-type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(made.payment_action_url, body, headers), timeout=10) as answer:
            assert answer.status < 300
        self.until(made.id, lambda it: it.state == order.ORDER_STATE_PAID)
        return "CreateOrder by sim_action → PAID after its page was answered"

    def step_07_cancelled_after_payment_the_money_comes_back(self):
        made = self.until(self.place("sim_approve").id, lambda it: it.state == order.ORDER_STATE_PAID)
        cancelled = self.grace.call(self.grace.orders.CancelOrder, order.CancelOrderRequest(id=made.id, reason="too many"))
        assert cancelled.state == order.ORDER_STATE_CANCELLED
        request = payment.GetPaymentRequest(id=made.payment_id)
        back = lambda: self.grace.call(self.grace.payments.GetPayment, request).state == payment.PAYMENT_STATE_REFUNDED
        until("the money comes back", back)
        until("the stock comes back", lambda: self.in_stock() == (7, 0, 3))
        return "CancelOrder → CANCELLED, REFUNDED, 7 free"

    def step_08_a_shortage_names_what_is_short(self):
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "OUT_OF_STOCK") as problem:
            self.place("sim_approve", quantity=8)
        assert (problem.metadata["article_id"], problem.metadata["free"]) == (self.lamp.id, "7")
        return f"CreateOrder of 8 → {problem.code.name} {problem.reason} free={problem.metadata['free']}"

    def step_09_a_stream_ends_at_its_deadline(self):
        line = order.AddLineRequest(order_id="open", article_id=self.lamp.id, quantity=1)
        basket, seen = self.grace.call(self.grace.orders.AddLine, line), []
        try:
            for event in self.grace.watch(basket.id, deadline=0.5):
                seen.append(event)
            raise AssertionError("it must not end by itself")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        assert [it.state for it in seen] == [order.ORDER_STATE_OPEN]
        return f"WatchOrder for half a second → {len(seen)} event, DEADLINE_EXCEEDED"

    def step_10_an_answer_that_was_lost_is_asked_for_again(self):
        key = str(uuid.uuid4())
        try:
            self.place("sim_slow", key=key, deadline=0.3)
            raise AssertionError("the payment takes longer than the deadline")
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
        made, replayed = self.grace.safely(self.grace.orders.CreateOrder, self.new_order("sim_slow"), key=key)
        assert replayed, "it is the answer to the call that was lost"
        self.until(made.id, lambda it: it.state == order.ORDER_STATE_PAID)
        payments = self.grace.call(self.grace.payments.ListPayments, payment.ListPaymentsRequest(order_id=made.id))
        assert len(payments.payments) == 1 and self.in_stock() == (6, 0, 4), "placed and paid once"
        return "CreateOrder → DEADLINE_EXCEEDED, then the same key → replayed, paid once"

    def new_order(self, method, quantity=1):
        line = order.OrderLine(article_id=self.lamp.id, quantity=quantity)
        return order.CreateOrderRequest(lines=[line], address=address(), payment_method=method)

    def place(self, method, quantity=1, **how):
        return self.grace.call(self.grace.orders.CreateOrder, self.new_order(method, quantity), **how)

    def in_stock(self):
        stock = self.staff.call(self.staff.stock.GetStock, article.GetStockRequest(article_id=self.lamp.id))
        return stock.free, stock.reserved, stock.sold

    def until(self, id, condition):
        read = lambda: self.grace.call(self.grace.orders.GetOrder, order.GetOrderRequest(id=id))
        return until("the order gets there", lambda: (it := read()) and condition(it) and it)


def main(address):
    journey, passed, failed = Journey(address), 0, 0
    for name in sorted(name for name in dir(Journey) if name.startswith("step_")):
        try:
            told = getattr(journey, name)()
        except Exception:
            failed += 1
            print(f"{name} ... FAILED")
            traceback.print_exc()
            break
        passed += 1
        print(f"{name} ... ok: {told}")
    journey.anybody.channel.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
