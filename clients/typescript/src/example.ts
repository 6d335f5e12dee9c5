// Registers, looks around, orders something, watches the order, and gives it back.
//
// Usage: npm start -- [HOST:PORT]

import { randomUUID } from 'node:crypto';

import { status } from '@grpc/grpc-js';

import { Problem, Shop, articles, orders, shown, users } from './shop.js';

const anybody = Shop.connect(process.argv[2] ?? '127.0.0.1:50051');

// Whatever changes something takes an idempotency key; `safely` makes one and repeats the call if need be.
const name = `visitor-${randomUUID().slice(0, 8)}`;
const password = randomUUID();
await anybody.safely(users.CreateUser, { username: name, email: `${name}@example.com`, password });
const { shop: me } = await anybody.signIn(name, password);
console.log(`signed in as ${name}`);

// Lists come in pages.
const request = { inStock: true, orderBy: 'price', pageSize: 5 };
const page = await me.call(articles.ListArticles, request);
const [choice] = page.articles;
if (!choice) {
  console.error('the shop has nothing in stock: `feira seed` fills it');
  process.exit(1);
}
for (const it of page.articles) {
  console.log(`  ${it.code.padEnd(12)} ${shown(it.price).padStart(14)}  ${it.name}`);
}
if (page.nextPageToken) {
  const next = await me.call(articles.ListArticles, { ...request, pageToken: page.nextPageToken });
  console.log(`  … and ${next.articles.length} more on the next page`);
}

// An error says what is wrong in a form that programs can use.
const address = { recipient: 'Grace Hopper', lines: ['Rua do Ouro 2'], city: 'Lisboa', countryCode: 'PT' };
try {
  await me.call(orders.CreateOrder, { lines: [{ articleId: choice.id, quantity: 0 }], address });
} catch (error) {
  const problem = Problem.of(error);
  console.log(`refused: ${status[problem.code]} ${problem.reason}`, problem.fields);
}

// Places an order in one call. Should the answer be lost, `safely` asks again: it is placed and paid once.
const { answer: mine } = await me.safely(
  orders.CreateOrder,
  { lines: [{ articleId: choice.id, quantity: 1 }], address, paymentMethod: 'sim_approve' },
  { deadline: 5_000 },
);
console.log(`ordered ${choice.name} for ${shown(mine.total)}: ${mine.id}`);

// Watches it. Nobody ships it in this example: once it is paid it goes back, and the stream ends by itself.
for await (const event of me.watch(mine.id, { deadline: 60_000 })) {
  console.log(`  ${event.sequence} ${event.state}`);
  if (event.state === 'ORDER_STATE_PAID') {
    await me.safely(orders.CancelOrder, { id: mine.id, reason: 'only an example' });
  }
}
me.close();
