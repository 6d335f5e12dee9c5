// A shop whose only way to pay is Stripe: the shopper is sent to Stripe's own page, and comes back. Stripe is the
// simulator of tests/shop.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { start, startShop } from './programs.mjs';

const stripe = await start(process.env.FEIRA_STRIPE_SIMULATOR, []);
process.env.FEIRA_URL = await startShop(['--payment-type', '1=stripe:Card or wallet'], {
  FEIRA_STRIPE_URL: stripe,
  FEIRA_STRIPE_SECRET_KEY: 'sk_test_hunter22',
  FEIRA_PROVIDER_POLL_INTERVAL: '300ms',
});
const { accessible, api, article, open, shopper, signIn, tokenOf, PASSWORD } = await import('./support.mjs');

const payButton = (page) => page.getByRole('main').getByRole('button', { name: /^Pay €/ });
const onStripe = (page) => page.getByRole('heading', { name: 'Simulated Stripe Checkout' }).waitFor();

/** A shopper on Stripe's page, with an order of one article. */
async function onPage(t, options) {
  const { page, context } = await open(t, options);
  const { username } = await shopper();
  const tea = await article();
  await signIn(page, username);
  await page.goto(`/articles/${tea.id}`);
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: 'Go to the basket' }).click();
  await page.getByRole('link', { name: 'Check out' }).click();
  await page.getByText('Card or wallet').waitFor();
  await page.getByText('own page and come back here').waitFor();
  assert.equal(await page.locator('#f-paymentMethod').count(), 0, 'no simulated cards');
  await payButton(page).click();
  await onStripe(page);
  assert.ok(page.url().startsWith(stripe), page.url());
  const [order] = (await api('GET', '/v1/orders', undefined, await tokenOf(username, PASSWORD))).orders;
  return { page, context, username, order };
}

test('she pays on the page of Stripe and comes back', async (t) => {
  const { page } = await onPage(t);
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await page.waitForURL(/\/orders\/ord_\w+\?payment=done/);
  await page.getByText('Thank you: it is paid').waitFor();
});

test('a card that is declined there is followed by another one', async (t) => {
  const { page } = await onPage(t);
  await page.getByRole('button', { name: 'Pay with an empty card' }).click();
  await page.getByText('insufficient funds').waitFor();
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await page.getByText('Thank you: it is paid').waitFor();
});

test('she leaves the page, finds her order, and goes on or gives it up', async (t) => {
  const { page } = await onPage(t);
  await page.getByRole('link', { name: 'Back to the shop' }).click();
  await page.getByText('You have not paid yet.').waitFor();
  await accessible(page, 'an order that waits for its payment page');
  await page.getByRole('button', { name: 'Go to the payment page' }).click();
  await onStripe(page);
  const left = page.url();
  // By the browser's own way back, too.
  await page.goBack();
  await page.getByRole('button', { name: 'Go to the payment page' }).waitFor();
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the order' }).click();
  await page.getByRole('heading', { name: /Cancelled/ }).waitFor();
  await page.goto(left);
  await page.getByText('This page has expired.').waitFor();
});

test('old tabs say how the order stands, and nobody pays twice', async (t) => {
  const { page, context, username, order } = await onPage(t, { expected: [/400/] });
  const old = await context.newPage();
  await old.goto(`/orders/${order.id}`);
  const again = await context.newPage();
  await again.goto(`/orders/${order.id}/pay`);
  await payButton(again).waitFor();
  await page.getByRole('button', { name: 'Pay', exact: true }).click();
  await page.getByText('Thank you: it is paid').waitFor();
  // The one follows by itself, the other is told when it tries.
  await old.getByText('Thank you: it is paid').waitFor();
  await payButton(again).click();
  await again.getByText('Thank you: it is paid').waitFor();
  await page.goto(order.paymentActionUrl);
  await page.getByText('You have paid already.').waitFor();
  const { payments } = await api('GET', `/v1/payments?orderId=${order.id}`, undefined, await tokenOf(username, PASSWORD));
  assert.deepEqual(payments.map(({ state }) => state), ['PAYMENT_STATE_CAPTURED']);
});
