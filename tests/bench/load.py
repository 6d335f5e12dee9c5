"""A shop under load: processes, callers, what they got, and what it cost."""

import asyncio, hashlib, json, os, pathlib, signal, subprocess, time, uuid

PASSWORD = "correct horse battery"
SECRET = "a secret that the processes of a benchmark share"
ADDRESS = {"recipient": "Ada", "lines": ["Rua 1"], "postalCode": "1100", "city": "Lisboa", "countryCode": "PT"}
ARTICLES = 64
SPLIT = ["user", "article", "payment", "order", "mesh", "gateway"]
TICK = os.sysconf("SC_CLK_TCK")


class Caller:
    """One connection, kept. By asyncio and by hand, to leave the machine to the shop."""

    def __init__(self, host, token=None):
        self.host, self.token, self.streams = host, token, None

    async def __call__(self, method, path, body=None, key=None):
        text = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nhost: {self.host}\r\ncontent-type: application/json\r\n"
        if self.token:
            head += f"authorization: Bearer {self.token}\r\n"
        if key:
            head += f"idempotency-key: {key}\r\n"
        if self.streams is None:
            name, port = self.host.split(":")
            self.streams = await asyncio.open_connection(name, int(port))
        reader, writer = self.streams
        writer.write(f"{head}content-length: {len(text)}\r\n\r\n".encode() + text)
        answer = await reader.readuntil(b"\r\n\r\n")
        headers = answer.lower()
        at = headers.find(b"content-length: ")
        length = int(headers[at + 16 : headers.index(b"\r", at)]) if at > 0 else 0
        body = await reader.readexactly(length)
        status = int(answer[9:12])
        if status == 503 and b"OVERLOADED" in body:
            return None
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {body[:500]!r}")
        return body

    def close(self):
        if self.streams:
            self.streams[1].close()


class Shop:
    """Processes of one layout on one kind of database."""

    def __init__(self, binary, folder, split, urls):
        """`urls`: the databases by role; none where they are embedded."""
        self.processes, self.pids, self.grpc = [], {}, {}
        common = {
            "PATH": os.environ["PATH"], "FEIRA_ADMIN_PASSWORD": PASSWORD, "FEIRA_PASSWORD_MEMORY_KIB": "8",
            "FEIRA_PASSWORD_ITERATIONS": "1", "FEIRA_MESH_SECRET": SECRET, "FEIRA_ALLOW_SIMULATED_PAYMENTS": "true", "FEIRA_MAX_UNPAID_ORDERS": "1000",
            # All callers are one address.
            "FEIRA_CONNECTIONS_PER_ADDRESS": "100000",
            **{f"FEIRA_RATE_LIMIT_{kind}": "off" for kind in ("ADDRESS", "SIGN_IN", "READS", "WRITES", "ORDERS", "STREAMS")},
        }  # fmt: skip
        listen = ["--rest-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"]
        if not split:
            databases = {f"FEIRA_{role.upper()}_DATABASE_URL": url for role, url in urls.items()}
            ready = self.start(folder, "feira", [binary, "serve", *listen], common | databases)
        else:
            known = {}
            self.common, self.known = common, known
            for role in SPLIT:
                one = {"FEIRA_DATABASE_URL": urls[role]} if role in urls else {}
                words = [binary, "serve", "--role", role, *listen]
                ready = self.start(folder, role, words, common | known | one)
                known[f"FEIRA_{role.upper()}_URL"] = self.grpc[role] = ready.get("grpc", "")
        self.host = ready["rest"].removeprefix("http://")
        self.folder = folder

    def another_gateway(self, environment):
        """Where one more gateway listens that has these settings as well, and its process's id."""
        binary = self.processes[-1].args[0]
        words = [binary, "serve", "--role", "gateway", "--rest-listen", "127.0.0.1:0", "--grpc-listen", "127.0.0.1:0"]
        ready = self.start(self.folder, "another", words, self.common | self.known | environment)
        return ready, self.pids["another"]

    def start(self, folder, name, words, environment):
        data = pathlib.Path(folder, name)
        data.mkdir(exist_ok=True)
        log = open(data / "log", "w")
        environment = environment | {"FEIRA_DATA_DIR": str(data)}
        process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=log)
        self.processes.append(process)
        self.pids[name] = process.pid
        line = process.stdout.readline()
        if not line:
            raise SystemExit(f"{name} does not start:\n{(data / 'log').read_text()[-2000:]}")
        return json.loads(line)["ready"]

    def cpu(self):
        """Seconds of CPU that its processes have taken."""
        return sum(cpu(process.pid) for process in self.processes)

    def stop(self):
        for process in reversed(self.processes):
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            process.wait(60)

    async def open(self):
        """Signs in, and fills the shelves."""
        caller = Caller(self.host)
        signed_in = json.loads(await caller("POST", "/v1/auth:signIn", {"login": "admin", "password": PASSWORD}))
        self.token = caller.token = signed_in["accessToken"]
        self.signed_in = time.monotonic()
        self.articles = []
        for number in range(ARTICLES):
            article = {"code": f"A-{number}", "name": f"Tea of kind {number}", "active": True}
            article["price"] = {"currencyCode": "EUR", "units": "1"}
            article = json.loads(await caller("POST", "/v1/articles", article))
            received = {"delta": "10000000", "reason": "STOCK_REASON_RECEIVED", "note": ""}
            await caller("POST", f"/v1/articles/{article['id']}/stock:adjust", received)
            self.articles.append(article["id"])
        address = json.loads(await caller("POST", "/v1/users/me/addresses", ADDRESS))
        self.address = address["id"]
        # Where it would go on with what it has just learned.
        caller.close()

    async def fresh(self):
        """Signs in again before the token ends."""
        if time.monotonic() - self.signed_in > 300:
            caller = Caller(self.host)
            answer = await caller("POST", "/v1/auth:signIn", {"login": "admin", "password": PASSWORD})
            self.token, self.signed_in = json.loads(answer)["accessToken"], time.monotonic()
            caller.close()

    def order(self, number):
        """An order of two lines, of articles that no other caller buys."""
        lines = [{"articleId": self.articles[(2 * number + k) % ARTICLES], "quantity": 1} for k in (0, 1)]
        return {"lines": lines, "addressId": self.address}


def cpu(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def orders(shop):
    """Places an order; whether it was paid."""

    async def call(caller, number):
        body = await caller("POST", "/v1/orders", shop.order(number), str(uuid.uuid4()))
        if body is None:
            await asyncio.sleep(0.05)
            return False
        if b"ORDER_STATE_PAID" not in body:
            raise SystemExit(f"not paid: {body[:300]!r}")
        return True

    return call


def reads(shop, path):
    async def call(caller, number):
        await caller("GET", path(shop, number))
        return True

    return call


async def load(shop, call, callers, seconds):
    """Calls without a pause: how long each took, how long all of them, and the CPU of the shop, in seconds."""
    await shop.fresh()
    times, until = [], time.monotonic() + seconds
    before, began = shop.cpu(), time.monotonic()

    async def one(number):
        caller = Caller(shop.host, shop.token)
        while (asked := time.monotonic()) < until:
            if await call(caller, number):
                times.append(time.monotonic() - asked)
        caller.close()

    await asyncio.gather(*(one(number) for number in range(callers)))
    return times, time.monotonic() - began, shop.cpu() - before


def figures(slices):
    """Calls a second, p50 and p99 in ms, CPU of the shop for a call in ms."""
    times = sorted(time for times, _, _ in slices for time in times)
    took, spent = sum(took for _, took, _ in slices), sum(spent for _, _, spent in slices)
    at = lambda share: times[int(len(times) * share)] * 1000
    return {"rate": len(times) / took, "p50": at(0.5), "p99": at(0.99), "cpu": spent / len(times) * 1000}


def reference():
    """CPU that this machine takes to hash 32 MiB now, in ms: what CPU is measured by."""
    block, began = bytes(1 << 20), time.process_time()
    for _ in range(32):
        hashlib.sha256(block).digest()
    return (time.process_time() - began) * 1000
