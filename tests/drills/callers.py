"""A shop of this machine and its callers, over REST: what the drills of load share."""

import asyncio, contextlib, json, os, pathlib, signal, subprocess, tempfile, time

PASSWORD = "correct horse battery"
ADDRESS = {"recipient": "Ada", "lines": ["Rua 1"], "postalCode": "1100", "city": "Lisboa", "countryCode": "PT"}


class Caller:
    """One connection, kept. By asyncio: hundreds of threads would measure Python's lock."""

    def __init__(self, host):
        self.host, self.streams = host, None

    async def call(self, method, path, body=None, token=None, more={}):
        text = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-type: application/json\r\n"
        if token:
            head += f"authorization: Bearer {token}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in more.items())
        try:
            if self.streams is None:
                name, port = self.host.split(":")
                self.streams = await asyncio.open_connection(name, int(port))
            reader, writer = self.streams
            writer.write(f"{head}content-length: {len(text)}\r\n\r\n".encode() + text)
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            answer = await reader.readexactly(int(headers.get("content-length", 0)))
        except (OSError, EOFError):
            if self.streams:
                self.streams[1].close()
            self.streams = None
            return 0, {}, {}
        return int(first.split()[1]), headers, json.loads(answer or b"{}")


def memory(pid, key):
    """A line of /proc/PID/status, in MiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    return 0.0


async def load(host, token, article, callers, seconds):
    """What so many callers get in that time."""
    until = time.monotonic() + seconds
    paid, in_time, refused, other = [], 0, 0, {}

    async def shop():
        nonlocal refused, in_time
        caller = Caller(host)
        order = {"lines": [{"articleId": article, "quantity": 1}], "address": ADDRESS}
        while time.monotonic() < until:
            asked = time.monotonic()
            status, headers, body = await caller.call("POST", "/v1/orders", order, token)
            if status == 201 and body["state"] == "ORDER_STATE_PAID":
                if time.monotonic() < until:
                    in_time += 1
                paid.append(time.monotonic() - asked)
            elif status == 503 and body["error"]["details"][0]["reason"] == "OVERLOADED":
                refused += 1
                await asyncio.sleep(float(headers["retry-after"]))
            else:
                what = body.get("state") or f"{status} {body}"[:200]
                other[what] = other.get(what, 0) + 1
        if caller.streams:
            caller.streams[1].close()

    await asyncio.gather(*(shop() for _ in range(callers)))
    paid.sort()
    p99 = paid[int(len(paid) * 0.99)] if paid else 0.0
    return {"goodput": in_time / seconds, "p99": p99, "refused": refused, "other": other}


@contextlib.contextmanager
def started(binary, **settings):
    """A shop on fresh embedded databases: where it speaks REST and gRPC, and its process's id."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            # Such as the URLs of databases on a server, or an allocator.
            **{name: value for name, value in os.environ.items() if name.startswith(("FEIRA_", "LD_", "MALLOC_", "MIMALLOC_"))},
            "PATH": os.environ["PATH"],
            "FEIRA_DATA_DIR": folder,
            "FEIRA_ADMIN_PASSWORD": PASSWORD,
            "FEIRA_ALLOW_SIMULATED_PAYMENTS": "true",
            "FEIRA_MAX_UNPAID_ORDERS": "1000",
            # What one client may do is not the question here: all callers are one address.
            **{f"FEIRA_RATE_LIMIT_{kind}": "off" for kind in ("ADDRESS", "SIGN_IN", "READS", "WRITES", "ORDERS", "STREAMS")},
            **settings,
        }
        words = [binary, "serve", "--rest-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"]
        with open(f"{folder}/log", "w") as log:
            shop = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=log)
        try:
            ready = json.loads(shop.stdout.readline())["ready"]
            rest, grpc = (ready[name].removeprefix("http://") for name in ("rest", "grpc"))
            yield rest, grpc, shop.pid
        finally:
            shop.send_signal(signal.SIGTERM)
            shop.wait(60)


async def try_to_sign_in(caller):
    """An access token; none where too many wait for their password to be hashed."""
    status, _, answer = await caller.call("POST", "/v1/auth:signIn", {"login": "admin", "password": PASSWORD})
    if status == 503 and answer["error"]["details"][0]["reason"] == "OVERLOADED":
        return None
    assert status == 200, answer
    return answer["accessToken"]


async def sign_in(caller):
    token = await try_to_sign_in(caller)
    assert token, "too many sign in"
    return token


async def article_in_stock(caller, token):
    article = {"code": "A-1", "name": "Tea", "price": {"currencyCode": "EUR", "units": "1"}, "active": True}
    _, _, article = await caller.call("POST", "/v1/articles", article, token)
    received = {"delta": "1000000", "reason": "STOCK_REASON_RECEIVED", "note": ""}
    status, _, answer = await caller.call("POST", f"/v1/articles/{article['id']}/stock:adjust", received, token)
    assert status == 200, answer
    return article["id"]
