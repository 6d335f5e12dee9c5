"""A small client of Feira over gRPC: deadlines, tokens, errors with their details, safe retries, live orders.

Copy it and make it yours. It stands on the stubs that `./generate` makes from the contracts.
"""

import random
import sys
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from google.type import money_pb2
from grpc_status import rpc_status

# Generated modules import each other from the top: `feira.order.v1`.
sys.path.append(str(Path(__file__).parent / "gen"))

from feira.article.v1 import article_pb2_grpc  # noqa: E402
from feira.order.v1 import order_pb2 as order  # noqa: E402
from feira.order.v1 import order_pb2_grpc  # noqa: E402
from feira.payment.v1 import payment_pb2_grpc  # noqa: E402
from feira.user.v1 import user_pb2 as user  # noqa: E402
from feira.user.v1 import user_pb2_grpc  # noqa: E402

# How long a call may take, in seconds; a server never waits longer than its caller.
DEADLINE = 10.0


@dataclass
class Problem:
    """Why a call was refused: the status, and what its details say."""

    code: grpc.StatusCode
    message: str
    # What a program decides by, such as OUT_OF_STOCK, and what belongs to it, such as `article_id`.
    reason: str = ""
    metadata: dict = field(default_factory=dict)
    # Of INVALID_ARGUMENT: each bad field, by its path (`lines[0].quantity`), and what is wrong with it.
    fields: dict = field(default_factory=dict)
    # Seconds after which to ask again, where the server knows.
    retry_after: float | None = None

    @classmethod
    def of(cls, error):
        """Reads an error of grpc; some, such as a deadline, have no details."""
        problem = cls(error.code(), error.details())
        status = rpc_status.from_call(error)
        for detail in status.details if status else []:
            info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                problem.reason, problem.metadata = info.reason, dict(info.metadata)
            elif detail.Unpack(bad):
                problem.fields = {it.field: it.description for it in bad.field_violations}
            elif detail.Unpack(retry):
                problem.retry_after = retry.retry_delay.ToTimedelta().total_seconds()
        return problem

    def passes(self):
        """Whether the call may succeed if it is made again with its idempotency key."""
        lost = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        return self.code in lost or self.reason == "IDEMPOTENCY_IN_PROGRESS"


class Shop:
    """Every service, as one caller."""

    def __init__(self, channel, token=None):
        self.channel = channel
        self.metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self.users = user_pb2_grpc.UserServiceStub(channel)
        self.auth = user_pb2_grpc.AuthServiceStub(channel)
        self.articles = article_pb2_grpc.ArticleServiceStub(channel)
        self.stock = article_pb2_grpc.StockServiceStub(channel)
        self.orders = order_pb2_grpc.OrderServiceStub(channel)
        self.payments = payment_pb2_grpc.PaymentServiceStub(channel)

    def sign_in(self, login, password):
        """The same shop as this user. The token lives ten minutes; `tokens.refresh_token` gets the next."""
        tokens = self.call(self.auth.SignIn, user.SignInRequest(login=login, password=password))
        return Shop(self.channel, tokens.access_token), tokens

    def call(self, method, request, *, key=None, deadline=DEADLINE):
        """Calls once."""
        return self._call(method, request, key, deadline)[0]

    def safely(self, method, request, *, key=None, deadline=DEADLINE, patience=60.0):
        """Calls, and calls again as long as the outcome is not known: its idempotency key makes that harmless.

        Answers also whether it is the answer to an earlier call with this key.
        """
        key, end, pause = key or str(uuid.uuid4()), time.monotonic() + patience, 0.1
        while True:
            try:
                return self._call(method, request, key, deadline)
            except grpc.RpcError as error:
                problem = Problem.of(error)
                pause = problem.retry_after or min(2 * pause, 5.0) * random.uniform(0.5, 1.0)
                if not problem.passes() or time.monotonic() + pause > end:
                    raise
                time.sleep(pause)

    def _call(self, method, request, key, deadline):
        metadata = self.metadata + ((("idempotency-key", key),) if key else ())
        answer, call = method.with_call(request, metadata=metadata, timeout=deadline)
        return answer, ("idempotency-replayed", "true") in call.initial_metadata()

    def watch(self, id, *, after=0, deadline=None):
        """An order's events as they happen, from the one after `after`; ends after a final state.

        Goes on where it was when the connection is lost.
        """
        while True:
            request = order.WatchOrderRequest(id=id, after_sequence=after)
            try:
                for event in self.orders.WatchOrder(request, metadata=self.metadata, timeout=deadline):
                    after = event.sequence
                    yield event
                return
            except grpc.RpcError as error:
                if error.code() != grpc.StatusCode.UNAVAILABLE:
                    raise
                time.sleep(1)


def connect(address):
    """The shop at HOST:PORT, as anybody. Beyond your own machine use grpc.secure_channel."""
    return Shop(grpc.insecure_channel(address))


def euros(cents):
    """Money is exact: whole units, and billionths of one."""
    return money_pb2.Money(currency_code="EUR", units=cents // 100, nanos=cents % 100 * 10_000_000)


def shown(money):
    return f"{money.units}.{money.nanos // 10_000_000:02} {money.currency_code}"
