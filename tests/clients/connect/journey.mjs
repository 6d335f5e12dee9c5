// The shop over its REST port by Connect's own clients: every protocol that they speak, without a line of generated code.
//
// Usage: node journey.mjs URL DESCRIPTORS, with FEIRA_ADMIN_PASSWORD

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";

const [baseUrl, descriptors] = process.argv.slice(2);
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
const jsonOptions = { registry };

// What a browser uses (by fetch), and what a server uses.
const transports = {
  "connect-web, JSON": web.createConnectTransport({ baseUrl, jsonOptions }),
  "connect-web, binary": web.createConnectTransport({ baseUrl, useBinaryFormat: true }),
  "grpc-web": web.createGrpcWebTransport({ baseUrl }),
  "connect-node, HTTP/1.1, JSON": node.createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false, jsonOptions }),
  "connect-node, HTTP/2, binary": node.createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: true }),
  "connect-node, HTTP/2, gzip": node.createConnectTransport({
    baseUrl,
    httpVersion: "2",
    useBinaryFormat: true,
    acceptCompression: [node.compressionGzip],
    sendCompression: node.compressionGzip,
    compressMinBytes: 0,
  }),
  "grpc-web, HTTP/2": node.createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
  grpc: node.createGrpcTransport({ baseUrl, httpVersion: "2" }),
};

const service = (name) => registry.getService(name) ?? assert.fail(name);

async function refused(call, code, reason) {
  const error = await call.then(
    () => assert.fail("it was not refused"),
    (error) => ConnectError.from(error),
  );
  assert.equal(error.code, code, error.message);
  const info = error.findDetails(registry.getMessage("google.rpc.ErrorInfo"));
  assert.equal(info[0]?.reason, reason, error.message);
  return error;
}

async function journey(transport) {
  const client = (name) => createClient(service(name), transport);
  const auth = client("feira.user.v1.AuthService");
  const users = client("feira.user.v1.UserService");
  const articles = client("feira.article.v1.ArticleService");
  const stock = client("feira.article.v1.StockService");
  const orders = client("feira.order.v1.OrderService");
  const as = (signedIn) => ({ headers: { authorization: `Bearer ${signedIn.accessToken}` } });

  const name = `connect-${randomUUID().slice(0, 8)}`;
  const password = randomUUID();
  const key = { "idempotency-key": randomUUID() };
  let replayed;
  const register = { username: name, email: `${name}@example.com`, password };
  const user = await users.createUser(register, { headers: key });
  const again = await users.createUser(register, { headers: key, onHeader: (headers) => (replayed = headers.get("idempotency-replayed")) });
  assert.deepEqual([again.id, replayed], [user.id, "true"]);
  const ada = as(await auth.signIn({ login: name, password }));
  const staff = as(await auth.signIn({ login: "admin", password: process.env.FEIRA_ADMIN_PASSWORD }));
  assert.equal((await users.getUser({ id: "me" }, ada)).id, user.id);

  await refused(users.getUser({ id: "me" }), Code.Unauthenticated, "UNAUTHENTICATED");
  await refused(auth.signIn({ login: name, password: "wrong wrong" }), Code.Unauthenticated, "UNAUTHENTICATED");
  await refused(articles.createArticle({ article: { code: "x", name: "x" } }, ada), Code.PermissionDenied, "PERMISSION_DENIED");
  const bad = await refused(articles.listArticles({ pageSize: -1 }), Code.InvalidArgument, "VALIDATION");
  const fields = bad.findDetails(registry.getMessage("google.rpc.BadRequest"))[0].fieldViolations;
  assert.equal(fields[0].field, "page_size");

  const price = { currencyCode: "EUR", units: 12n, nanos: 990_000_000 };
  const code = `c-${randomUUID().slice(0, 8)}`;
  const article = await articles.createArticle({ article: { code, name: "Wool socks", price, active: true } }, staff);
  await stock.adjustStock({ articleId: article.id, delta: 5n, reason: 1 }, staff);
  const address = { recipient: "Ada", lines: ["1 Way"], postalCode: "10115", city: "Berlin", countryCode: "DE" };
  const order = await orders.createOrder(
    { lines: [{ articleId: article.id, quantity: 2 }], destination: { case: "address", value: address }, paymentMethod: "sim_approve" },
    ada,
  );
  assert.equal(order.total.units, 25n);
  await orders.cancelOrder({ id: order.id, reason: "enough" }, ada);
  // A stream of answers that ends by itself.
  const seen = [];
  for await (const event of orders.watchOrder({ id: order.id }, ada)) {
    seen.push(event.sequence);
  }
  assert.ok(seen.length > 2, `${seen}`);
  // A stream that its caller has no more time for.
  const watching = async () => {
    const open = await orders.createOrder(
      { lines: [{ articleId: article.id, quantity: 1 }], destination: { case: "address", value: address }, paymentMethod: "sim_decline" },
      ada,
    );
    for await (const _ of orders.watchOrder({ id: open.id }, { ...ada, timeoutMs: 500 }));
  };
  const late = await watching().then(() => assert.fail("it ended"), ConnectError.from);
  assert.equal(late.code, Code.DeadlineExceeded, late.message);
  await auth.signOut({}, ada);
  await refused(users.getUser({ id: "me" }, ada), Code.Unauthenticated, "UNAUTHENTICATED");
}

for (const [name, transport] of Object.entries(transports)) {
  await journey(transport);
  console.log(`${name}: fine`);
}
process.exit(0);
