// The journey: staff makes an article, a shopper registers, fills a basket and pays, and watches it arrive.
//
//   FEIRA_URL=http://127.0.0.1:8080 FEIRA_ADMIN_PASSWORD=… npm start
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { Refused, type Schemas, good, lines, shop, signIn } from "./shop.js";

const url = process.env.FEIRA_URL ?? "http://127.0.0.1:8080";
const mark = randomUUID().slice(0, 8);
const password = "correct horse";

// Staff creates an article with an exact price, and receives ten of it.
const staff = await signIn(url, "admin", process.env.FEIRA_ADMIN_PASSWORD ?? "");
const tea = good(
  await staff.POST("/v1/articles", {
    body: {
      code: `TEA-${mark}`,
      name: "Chá verde",
      active: true,
      taxRateBasisPoints: 2300,
      price: { currencyCode: "EUR", units: "12", nanos: 990_000_000 },
    },
  }),
);
const stock = good(
  await staff.POST("/v1/articles/{articleId}/stock:adjust", {
    params: { path: { articleId: tea.id } },
    body: { delta: "10", reason: "STOCK_REASON_RECEIVED" },
  }),
);
assert.equal(stock.free, "10");

// A shopper registers with an address, and signs in.
const maria = good(
  await shop(url).POST("/v1/users", {
    body: {
      username: `maria-${mark}`,
      email: `maria-${mark}@example.com`,
      password,
      address: { recipient: "Maria Silva", lines: ["Rua das Flores 1"], city: "Porto", countryCode: "PT" },
    },
  }),
);
const shopper = await signIn(url, maria.username, password);
const { addresses } = good(await shopper.GET("/v1/users/{userId}/addresses", { params: { path: { userId: "me" } } }));
const home = addresses[0];
assert.ok(home);

// She finds the article, and puts two of it into her basket.
const found = good(await shopper.GET("/v1/articles", { params: { query: { query: mark, inStock: true } } }));
assert.deepEqual(found.articles.map((article) => article.id), [tea.id]);
const basket = good(
  await shopper.POST("/v1/orders/{orderId}/lines", {
    params: { path: { orderId: "open" } },
    body: { articleId: tea.id, quantity: 2 },
  }),
);
assert.deepEqual(basket.total, { currencyCode: "EUR", units: "25", nanos: 980_000_000 });

// This card is declined, which is no error: the order waits, its stock held, for her to pay by another one.
const waiting = good(
  await shopper.POST("/v1/orders/{id}:checkout", {
    params: { path: { id: "open" } },
    body: { addressId: home.id, paymentMethod: "sim_decline" },
  }),
);
assert.equal(waiting.state, "ORDER_STATE_AWAITING_PAYMENT");
assert.equal(waiting.paymentFailure, "DECLINED");

// An idempotency key makes a repeat harmless: it is answered as the first call was.
const pay = () =>
  shopper.POST("/v1/orders/{id}:checkout", {
    params: { path: { id: basket.id }, header: { "Idempotency-Key": `pay-${mark}` } },
    body: { paymentMethod: "sim_approve" },
  });
const paid = good(await pay());
assert.equal(paid.state, "ORDER_STATE_PAID");
const again = await pay();
assert.equal(good(again).etag, paid.etag);
assert.equal(again.response.headers.get("idempotency-replayed"), "true");

// Staff ships and delivers it; she watches, from the first event to the last.
for (const verb of ["ship", "deliver"] as const) {
  good(await staff.POST(`/v1/orders/{id}:${verb}`, { params: { path: { id: paid.id } }, body: { carrier: "CTT" } }));
}
const watched = await shopper.GET("/v1/orders/{id}:watch", { params: { path: { id: paid.id } }, parseAs: "stream" });
const states: string[] = [];
for await (const event of lines<Schemas["OrderEvent"]>(good(watched))) states.push(event.state);
assert.equal(states.at(-1), "ORDER_STATE_DELIVERED");

// What is refused says why, to programs too.
const refused = async (call: Promise<Parameters<typeof good>[0]>): Promise<Refused> => {
  try {
    good(await call);
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
  throw new Error("was not refused");
};
const tooMany = await refused(
  shopper.POST("/v1/orders/{orderId}/lines", {
    params: { path: { orderId: "open" } },
    body: { articleId: tea.id, quantity: 1001 },
  }),
);
assert.equal(tooMany.status, 400);
assert.deepEqual(tooMany.fields, ["quantity"]);
const stale = await refused(
  staff.PATCH("/v1/articles/{id}", {
    params: { path: { id: tea.id }, header: { "If-Match": '"stale"' } },
    body: { name: "Chá preto" },
  }),
);
assert.deepEqual([stale.status, stale.reason], [412, "ETAG_MISMATCH"]);
const nobody = await refused(shop(url).GET("/v1/orders"));
assert.deepEqual([nobody.status, nobody.reason], [401, "UNAUTHENTICATED"]);

console.log(`${maria.username}: ${states.map((state) => state.replace("ORDER_STATE_", "").toLowerCase()).join(" → ")}`);
