"""Registers, looks around, orders something, watches the order, and gives it back.

Usage: example.py [HOST:PORT]
"""

import sys
import uuid

import grpc

from shop import Problem, connect, shown
from feira.article.v1 import article_pb2 as article
from feira.order.v1 import order_pb2 as order
from feira.user.v1 import user_pb2 as user


def main(address="127.0.0.1:50051"):
    anybody = connect(address)

    # Whatever changes something takes an idempotency key; `safely` makes one and repeats the call if need be.
    name = f"visitor-{uuid.uuid4().hex[:12]}"
    password = str(uuid.uuid4())
    anybody.safely(
        anybody.users.CreateUser,
        user.CreateUserRequest(username=name, email=f"{name}@example.com", password=password),
    )
    me, _ = anybody.sign_in(name, password)
    print(f"signed in as {name}")

    # Lists come in pages.
    request = article.ListArticlesRequest(in_stock=True, order_by="price", page_size=5)
    page = me.call(me.articles.ListArticles, request)
    if not page.articles:
        sys.exit("the shop has nothing in stock: `feira seed` fills it")
    for it in page.articles:
        print(f"  {it.code:12} {shown(it.price):>14}  {it.name}")
    if page.next_page_token:
        request.page_token = page.next_page_token
        print(f"  … and {len(me.call(me.articles.ListArticles, request).articles)} more on the next page")
    choice = page.articles[0]

    # An error says what is wrong in a form that programs can use.
    address = user.Address(recipient="Grace Hopper", lines=["Rua do Ouro 2"], city="Lisboa", country_code="PT")
    try:
        wrong = order.CreateOrderRequest(lines=[order.OrderLine(article_id=choice.id, quantity=0)], address=address)
        me.call(me.orders.CreateOrder, wrong)
    except grpc.RpcError as error:
        problem = Problem.of(error)
        print(f"refused: {problem.code.name} {problem.reason} {problem.fields}")

    # Places an order in one call. Should the answer be lost, `safely` asks again: it is placed and paid once.
    wanted = order.CreateOrderRequest(
        lines=[order.OrderLine(article_id=choice.id, quantity=1)], address=address, payment_method="sim_approve"
    )
    mine, _ = me.safely(me.orders.CreateOrder, wanted, deadline=5.0)
    print(f"ordered {choice.name} for {shown(mine.total)}: {mine.id}")

    # Watches it. Nobody ships it in this example: once it is paid it goes back, and the stream ends by itself.
    for event in me.watch(mine.id, deadline=60.0):
        state = order.OrderState.Name(event.state)
        print(f"  {event.sequence} {state}")
        if event.state == order.ORDER_STATE_PAID:
            me.safely(me.orders.CancelOrder, order.CancelOrderRequest(id=mine.id, reason="only an example"))


if __name__ == "__main__":
    main(*sys.argv[1:])
