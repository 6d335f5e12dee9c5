// The journey, on the client of clients/typescript: ../run puts this file beside shop.ts. Usage: journey.js
// HOST:PORT, with the administrator's password in FEIRA_ADMIN_PASSWORD.

// Covers: mesh.clients.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { status } from '@grpc/grpc-js';

import type { Article__Output } from '../gen/feira/article/v1/Article.js';
import type { Order__Output } from '../gen/feira/order/v1/Order.js';
import { Problem, Shop, articles, euros, orders, payments, shown, stock, users, type How } from './shop.js';

const PATIENCE = 20_000;
const address = {
  recipient: 'Grace Hopper',
  lines: ['Rua do Ouro 2'],
  postalCode: '1100-061',
  city: 'Lisboa',
  countryCode: 'PT',
};

const anybody = Shop.connect(process.argv[2] ?? '');
let grace: Shop;
let staff: Shop;
let lamp: Article__Output;
let basket: Order__Output;

/** The call must fail with this code and reason (where that is told); what its details say. */
async function refused(code: status, reason: string | null, call: Promise<unknown>): Promise<Problem> {
  const error = await call.then(
    () => assert.fail(`it must be refused with ${status[code]} ${reason}`),
    (error: unknown) => error,
  );
  const problem = Problem.of(error);
  assert.deepEqual([status[problem.code], problem.reason], [status[code], reason ?? problem.reason]);
  return problem;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

async function until<T>(what: string, ask: () => Promise<T | undefined | false>): Promise<T> {
  for (const end = Date.now() + PATIENCE; ; ) {
    const answer = await ask();
    if (answer) return answer;
    assert(Date.now() < end, `waited in vain: ${what}`);
    await sleep(20);
  }
}

function untilOrder(id: string, condition: (order: Order__Output) => unknown): Promise<Order__Output> {
  return until('the order gets there', async () => {
    const order = await grace.call(orders.GetOrder, { id });
    return condition(order) ? order : undefined;
  });
}

function newOrder(paymentMethod: string, quantity = 1) {
  return { lines: [{ articleId: lamp.id, quantity }], address, paymentMethod };
}

function place(paymentMethod: string, quantity = 1, how: How = {}): Promise<Order__Output> {
  return grace.call(orders.CreateOrder, newOrder(paymentMethod, quantity), how);
}

async function inStock(): Promise<string> {
  const { free, reserved, sold } = await staff.call(stock.GetStock, { articleId: lamp.id });
  return `${free} free, ${reserved} reserved, ${sold} sold`;
}

/** The steps; each stands on those before it, and returns what is worth telling. */
const steps: Record<string, () => Promise<string>> = {
  async 'she registers and signs in'() {
    const request = { username: 'grace', email: 'grace@example.com', password: 'long enough 1', address };
    const first = await anybody.safely(users.CreateUser, request, { key: 'register-1' });
    const second = await anybody.safely(users.CreateUser, request, { key: 'register-1' });
    assert.deepEqual(first.answer, second.answer);
    assert.deepEqual([first.replayed, second.replayed], [false, true]);
    const signedIn = await anybody.signIn('GRACE@example.com', 'long enough 1');
    assert.deepEqual(signedIn.tokens.user, first.answer);
    grace = signedIn.shop;
    assert.deepEqual(await grace.call(users.GetUser, { id: 'me' }), first.answer);
    return `CreateUser twice → ${first.answer.id.slice(0, 8)}…, the second replayed`;
  },

  async 'staff creates an article and receives stock'() {
    staff = (await anybody.signIn('admin', process.env['FEIRA_ADMIN_PASSWORD'] ?? '')).shop;
    lamp = await staff.call(articles.CreateArticle, {
      article: { code: 'LAMP', name: 'Candeeiro', price: euros(3999), taxRateBasisPoints: 2300, active: true },
    });
    assert.deepEqual(lamp.price, euros(3999));
    const received = { articleId: lamp.id, delta: '10', reason: 'STOCK_REASON_RECEIVED' } as const;
    assert.equal((await staff.call(stock.AdjustStock, received)).free, '10');
    return `CreateArticle, AdjustStock → ${shown(lamp.price)}, 10 free`;
  },

  async 'what is wrong is told by its field'() {
    await refused(status.PERMISSION_DENIED, 'PERMISSION_DENIED', grace.call(articles.CreateArticle, { article: lamp }));
    await refused(status.UNAUTHENTICATED, 'UNAUTHENTICATED', anybody.call(users.GetUser, { id: 'me' }));
    const line = { orderId: 'open', articleId: 'x', quantity: 0 };
    const wrong = await refused(status.INVALID_ARGUMENT, 'VALIDATION', grace.call(orders.AddLine, line));
    assert.deepEqual(Object.keys(wrong.fields), ['article_id', 'quantity']);
    const copy = { article: { code: 'LAMP', name: 'Another', price: euros(1), active: true } };
    const exists = await refused(status.ALREADY_EXISTS, 'ALREADY_EXISTS', staff.call(articles.CreateArticle, copy));
    assert.equal(exists.metadata['field'], 'code');
    return `AddLine of 0 → ${status[wrong.code]} ${JSON.stringify(wrong.fields)}`;
  },

  async 'she searches and fills her basket'() {
    const found = await grace.call(articles.ListArticles, { query: 'cand', inStock: true });
    assert.deepEqual(found.articles.map((it) => it.id), [lamp.id]);
    await refused(status.NOT_FOUND, 'NOT_FOUND', grace.call(orders.GetOpenOrder, {}));
    basket = await grace.call(orders.AddLine, { orderId: 'open', articleId: lamp.id, quantity: 2 });
    assert.deepEqual(basket.total, euros(2 * 3999));
    return `AddLine → ${shown(basket.total)}`;
  },

  async 'she pays and watches it arrive'() {
    const watching = all(grace.watch(basket.id));
    const wanted = { id: 'open', address, paymentMethod: 'sim_decline' };
    const { id } = (await grace.safely(orders.Checkout, wanted)).answer;
    const declined = await untilOrder(id, (it) => it.paymentFailure);
    assert.deepEqual([declined.paymentFailure, declined.state], ['DECLINED', 'ORDER_STATE_AWAITING_PAYMENT']);
    const key = randomUUID();
    const paid = await grace.safely(orders.Checkout, { id, paymentMethod: 'sim_approve' }, { key });
    const again = await grace.safely(orders.Checkout, { id, paymentMethod: 'sim_approve' }, { key });
    assert.deepEqual(again.answer, paid.answer);
    assert.deepEqual([paid.replayed, again.replayed], [false, true]);
    await untilOrder(id, (it) => it.state === 'ORDER_STATE_PAID');
    await staff.call(orders.ShipOrder, { id, carrier: 'CTT' });
    await staff.call(orders.DeliverOrder, { id });
    const seen = await watching;
    const history = await grace.call(orders.ListOrderEvents, { orderId: id });
    assert.deepEqual(seen, history.events, 'the stream is the history, and ended by itself');
    assert.deepEqual(seen.map((it) => it.sequence), seen.map((_, index) => String(index + 1)));
    assert.equal(seen.at(-1)?.state, 'ORDER_STATE_DELIVERED');
    const states = seen.map((it) => it.state.replace('ORDER_STATE_', ''));
    return `Checkout declined, then approved; WatchOrder → ${states.join(' ')}`;
  },

  async 'cancelled after payment the money comes back'() {
    const made = await untilOrder((await place('sim_approve')).id, (it) => it.state === 'ORDER_STATE_PAID');
    const cancelled = await grace.call(orders.CancelOrder, { id: made.id, reason: 'too many' });
    assert.equal(cancelled.state, 'ORDER_STATE_CANCELLED');
    await until('the money comes back', async () => {
      return (await grace.call(payments.GetPayment, { id: made.paymentId })).state === 'PAYMENT_STATE_REFUNDED';
    });
    await until('the stock comes back', async () => (await inStock()) === '8 free, 0 reserved, 2 sold');
    return `CancelOrder → CANCELLED, REFUNDED, ${await inStock()}`;
  },

  async 'a shortage names what is short'() {
    const problem = await refused(status.FAILED_PRECONDITION, 'OUT_OF_STOCK', place('sim_approve', 9));
    assert.deepEqual([problem.metadata['article_id'], problem.metadata['free']], [lamp.id, '8']);
    return `CreateOrder of 9 → ${status[problem.code]} ${problem.reason} free=${problem.metadata['free']}`;
  },

  async 'a stream ends at its deadline'() {
    const open = await grace.call(orders.AddLine, { orderId: 'open', articleId: lamp.id, quantity: 1 });
    const seen: string[] = [];
    const watch = async () => {
      for await (const event of grace.watch(open.id, { deadline: 500 })) seen.push(event.state);
    };
    await refused(status.DEADLINE_EXCEEDED, null, watch());
    assert.deepEqual(seen, ['ORDER_STATE_OPEN']);
    return `WatchOrder for half a second → ${seen.length} event, DEADLINE_EXCEEDED`;
  },

  async 'an answer that was lost is asked for again'() {
    const key = randomUUID();
    await refused(status.DEADLINE_EXCEEDED, null, place('sim_slow', 1, { key, deadline: 300 }));
    const { answer, replayed } = await grace.safely(orders.CreateOrder, newOrder('sim_slow'), { key });
    assert(replayed, 'it is the answer to the call that was lost');
    await untilOrder(answer.id, (it) => it.state === 'ORDER_STATE_PAID');
    const paid = await grace.call(payments.ListPayments, { orderId: answer.id });
    assert.deepEqual([paid.payments.length, await inStock()], [1, '7 free, 0 reserved, 3 sold']);
    return 'CreateOrder → DEADLINE_EXCEEDED, then the same key → replayed, paid once';
  },
};

let passed = 0;
let failed = 0;
for (const [name, step] of Object.entries(steps)) {
  try {
    console.log(`${name} ... ok: ${await step()}`);
    passed += 1;
  } catch (error) {
    console.log(`${name} ... FAILED`);
    console.error(error);
    failed += 1;
    break;
  }
}
anybody.close();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed;
