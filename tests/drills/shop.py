"""A shop's customers and staff, over REST, with nothing but Python: for systems that run in containers.

Usage: shop.py journey URL              the main job, each step checked
       shop.py load URL SECONDS FILE    calls without a pause until FILE is there, or for so long at the most

Staff's password is in the environment, ADMIN_PASSWORD. Exit code 1 where something is not as it must be.
"""

# Covers: mesh.containers, mesh.kubernetes.

import collections
import http.client
import json
import os
import sys
import threading
import time
import traceback
import urllib.parse
import urllib.request
import uuid

PATIENCE = 30.0
ADDRESS = {
    "recipient": "Maria Silva", "lines": ["Rua das Flores 1"], "postalCode": "4050-262", "city": "Porto", "countryCode": "PT",
}  # fmt: skip


class Refused(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status} {text}")
        self.status = status


class Client:
    """One caller, on one connection that is kept as long as the other end keeps it."""

    def __init__(self, url, token=None):
        self.url, self.token = url, token
        self.host = urllib.parse.urlsplit(url).netloc
        self.connection, self.used = None, 0.0

    def __call__(self, method, path, body=None, key=None):
        status, text = self.once(method, path, body, key)
        if status >= 300:
            raise Refused(status, text)
        return json.loads(text)

    def once(self, method, path, body=None, key=None):
        headers = {"content-type": "application/json"} if body is not None else {}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        if key:
            headers["idempotency-key"] = key
        # The other end may close one that is not used, at the very moment at which it is.
        if self.connection is None or time.monotonic() - self.used > 5:
            self.connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        try:
            self.connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self.connection.getresponse()
            text = answer.read().decode()
            self.used = time.monotonic()
            return answer.status, text
        except OSError:
            self.connection.close()
            self.connection = None
            raise

    def sign_in(self, login, password):
        tokens = self("POST", "/v1/auth:signIn", {"login": login, "password": password})
        return Client(self.url, tokens["accessToken"])


def euros(cents):
    return {"currencyCode": "EUR", "units": str(cents // 100), "nanos": cents % 100 * 10_000_000}


def until(what, ask):
    deadline = time.monotonic() + PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)
    return answer


def staff_and_shopper(url):
    """Both signed in; she is new."""
    anybody, name = Client(url), f"s{uuid.uuid4().hex[:20]}"
    staff = anybody.sign_in("admin", os.environ["ADMIN_PASSWORD"].strip())
    new = {"username": name, "email": f"{name}@shop.example", "password": "correct horse", "address": ADDRESS}
    anybody("POST", "/v1/users", new)
    return staff, anybody.sign_in(name, "correct horse")


def new_article(staff, stock):
    article = {"code": uuid.uuid4().hex, "name": "Chá verde", "active": True, "price": euros(1299)}
    made = staff("POST", "/v1/articles", article)
    received = {"delta": str(stock), "reason": "STOCK_REASON_RECEIVED"}
    staff("POST", f"/v1/articles/{made['id']}/stock:adjust", received)
    return made


class Journey:
    """The steps; each stands on those before it."""

    def __init__(self, url):
        self.url = url

    def step_1_she_registers_and_staff_sells_tea(self):
        self.staff, self.maria = staff_and_shopper(self.url)
        self.tea = new_article(self.staff, 10)
        self.address = self.maria("GET", "/v1/users/me/addresses")["addresses"][0]["id"]
        found = Client(self.url)("GET", f"/v1/articles/by-code/{self.tea['code']}")
        assert found["price"] == euros(1299) and found["available"] == "10", found

    def step_2_she_fills_her_basket_and_her_card_is_declined(self):
        basket = self.maria("POST", "/v1/orders/open/lines", {"articleId": self.tea["id"], "quantity": 2})
        assert basket["total"] == euros(2598), basket
        checkout = {"addressId": self.address, "paymentMethod": "sim_decline"}
        self.order = self.maria("POST", "/v1/orders/open:checkout", checkout)["id"]
        declined = self.until(self.order, lambda it: it["paymentFailure"])
        assert (declined["state"], declined["paymentFailure"]) == ("ORDER_STATE_AWAITING_PAYMENT", "DECLINED")

    def step_3_she_pays_by_another_and_a_repeat_is_harmless(self):
        pay = lambda: self.maria("POST", f"/v1/orders/{self.order}:checkout", {"paymentMethod": "sim_approve"}, "pay-1")
        assert pay()["paymentId"] == pay()["paymentId"]
        self.until(self.order, lambda it: it["state"] == "ORDER_STATE_PAID")
        stock = self.staff("GET", f"/v1/articles/{self.tea['id']}/stock")
        assert (stock["free"], stock["reserved"], stock["sold"]) == ("8", "0", "2"), stock

    def step_4_she_watches_it_arrive(self):
        seen = []
        watching = threading.Thread(target=lambda: seen.extend(self.watch(self.order)))
        watching.start()
        self.staff("POST", f"/v1/orders/{self.order}:ship", {"carrier": "CTT", "trackingCode": "RR123"})
        self.staff("POST", f"/v1/orders/{self.order}:deliver", {})
        watching.join(PATIENCE)
        history = self.maria("GET", f"/v1/orders/{self.order}/events")["events"]
        assert seen == history and seen[-1]["state"] == "ORDER_STATE_DELIVERED", seen

    def step_5_a_payment_that_needs_her(self):
        made = self.place("sim_action", 1)
        url = self.until(made["id"], lambda it: it["paymentActionUrl"])["paymentActionUrl"]
        action = urllib.request.Request(url, b'{"outcome":"approve"}', {"content-type": "application/json"})
        with urllib.request.urlopen(action, timeout=10) as answer:
            assert answer.status < 300
        self.until(made["id"], lambda it: it["state"] == "ORDER_STATE_PAID")

    def step_6_cancelled_stock_and_money_come_back(self):
        made = self.place("sim_approve", 3)
        paid = self.until(made["id"], lambda it: it["state"] == "ORDER_STATE_PAID")
        self.maria("POST", f"/v1/orders/{paid['id']}:cancel", {"reason": "changed my mind"})
        payment = lambda: self.maria("GET", f"/v1/payments/{paid['paymentId']}")
        until("the money comes back", lambda: payment()["state"] == "PAYMENT_STATE_REFUNDED")
        stock = lambda: self.staff("GET", f"/v1/articles/{self.tea['id']}/stock")
        until("the stock comes back", lambda: (stock()["free"], stock()["sold"]) == ("7", "3"))

    def step_7_a_shortage_is_refused(self):
        try:
            self.place("sim_approve", 8)
        except Refused as refused:
            assert refused.status == 400 and "OUT_OF_STOCK" in str(refused), refused
        else:
            raise AssertionError("there is too little")

    def step_8_every_role_says_that_it_runs_and_all_adds_up(self):
        running = lambda: {it["role"] for it in self.staff("GET", "/v1/instances")["instances"] if it["healthy"]}
        roles = {"user", "article", "order", "payment", "mesh", "gateway"}
        until("every role is there", lambda: running() == roles)
        audit = self.staff("POST", "/v1/audit:verify", {})
        assert audit["ok"], audit

    def place(self, method, quantity):
        lines = [{"articleId": self.tea["id"], "quantity": quantity}]
        return self.maria("POST", "/v1/orders", {"lines": lines, "addressId": self.address, "paymentMethod": method})

    def until(self, order, condition):
        read = lambda: self.maria("GET", f"/v1/orders/{order}")
        return until("the order gets there", lambda: (it := read()) and condition(it) and it)

    def watch(self, order):
        request = urllib.request.Request(f"{self.url}/v1/orders/{order}:watch")
        request.add_header("authorization", f"Bearer {self.maria.token}")
        with urllib.request.urlopen(request, timeout=PATIENCE) as lines:
            return [json.loads(line)["result"] for line in lines]


def journey(url):
    steps = sorted(name for name in dir(Journey) if name.startswith("step_"))
    run = Journey(url)
    for number, name in enumerate(steps):
        try:
            getattr(run, name)()
        except Exception:
            traceback.print_exc()
            print(f"{name} ... FAILED\n{number} of {len(steps)} passed")
            return 1
        print(f"{name} ... ok", flush=True)
    print(f"{len(steps)} of {len(steps)} passed")
    return 0


class Load:
    """Shoppers who read and order, each with one call at a time, and count what they get."""

    READERS, BUYERS = 4, 4

    def __init__(self, url, seconds, file):
        self.url, self.file = url, file
        self.deadline = time.monotonic() + float(seconds)
        self.lock = threading.Lock()
        self.counts, self.problems, self.slowest = collections.Counter(), collections.Counter(), 0.0
        self.staff, self.shopper = staff_and_shopper(url)
        self.article = new_article(self.staff, 1_000_000)["id"]
        self.address = self.shopper("GET", "/v1/users/me/addresses")["addresses"][0]["id"]

    def goes_on(self):
        return time.monotonic() < self.deadline and not os.path.exists(self.file)

    def count(self, what, problem=None, took=0.0):
        with self.lock:
            self.counts[what] += 1
            self.slowest = max(self.slowest, took)
            if problem:
                self.problems[f"{what}: {problem}"] += 1

    def attempt(self, client, what, *call):
        """One request; whether it was answered as it must be."""
        begun = time.monotonic()
        try:
            status, text = client.once(*call)
            problem = None if status < 300 else f"{status} {text[:300]}"
        except OSError as error:
            problem = repr(error)
        self.count(what, problem, time.monotonic() - begun)
        if problem:
            self.count(f"{what} failed")
        return not problem

    def reads(self):
        client = Client(self.url, self.shopper.token)
        while self.goes_on():
            for path in [f"/v1/articles/{self.article}", "/v1/articles?pageSize=5", "/v1/users/me", "/v1/orders?pageSize=5"]:
                self.attempt(client, "reads", "GET", path)

    def buys(self):
        """As a careful client does it: a key for each order, and the same call again until it is answered."""
        client = Client(self.url, self.shopper.token)
        lines = [{"articleId": self.article, "quantity": 1}]
        while self.goes_on():
            order, key = {"lines": lines, "addressId": self.address}, str(uuid.uuid4())
            tries = 0
            while not self.attempt(client, "orders", "POST", "/v1/orders", order, key):
                tries += 1
                if tries == 20:
                    self.count("orders given up")
                    return
                time.sleep(0.1 * tries)
            self.count("orders placed")

    def run(self):
        begun = time.monotonic()
        threads = [threading.Thread(target=self.reads) for _ in range(self.READERS)]
        threads += [threading.Thread(target=self.buys) for _ in range(self.BUYERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - begun
        until("all orders are paid", lambda: not self.orders("ORDER_STATE_AWAITING_PAYMENT", "ORDER_STATE_CHECKING_OUT"))
        kept = len(self.orders())
        figures = {
            "seconds": round(seconds), **{name: self.counts[name] for name in (
                "reads", "reads failed", "orders", "orders failed", "orders given up", "orders placed")},
            "orders kept": kept, "slowest": round(self.slowest, 2), "problems": dict(self.problems.most_common(10)),
        }  # fmt: skip
        print(json.dumps(figures, indent=1))
        # An order whose answer was lost is there once, as its repeat says.
        lost = self.counts["reads failed"] + self.counts["orders given up"]
        return 0 if lost == 0 and kept == self.counts["orders placed"] else 1

    def orders(self, *states):
        found, token = [], ""
        query = urllib.parse.urlencode([("pageSize", 1000), *(("state", state) for state in states)])
        while True:
            page = self.shopper("GET", f"/v1/orders?{query}&pageToken={urllib.parse.quote(token)}")
            found += page["orders"]
            token = page["nextPageToken"]
            if not token:
                return found


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    sys.exit(journey(*arguments) if command == "journey" else Load(*arguments).run())
