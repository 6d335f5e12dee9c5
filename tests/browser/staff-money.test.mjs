// Payments that go wrong, in a shop of its own: one whose providers lose answers and refuse refunds.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { ADDRESS, open, settled, signIn } from './support.mjs';

const { FEIRA_ADMIN_PASSWORD, FEIRA_BROWSER_TOOLS } = process.env;
const PROGRAM = process.env.FEIRA_PROGRAM ?? join(FEIRA_BROWSER_TOOLS, '../../debug/feira');

let shop;
let simulator;
let folder;
let program;
let token;
/** What SpaceCash does with a charge: `lose` its answer, or say that it waits. */
let spaceCash = 'wait';
const provider = createServer((request, response) => {
  request.resume();
  if (request.url.startsWith('/CreatePayment') && spaceCash === 'lose') request.socket.destroy();
  else response.end(request.url.startsWith('/CreatePayment') ? `sc-${Date.now()}` : '');
});

before(async () => {
  await once(provider.listen(0, '127.0.0.1'), 'listening');
  folder = await mkdtemp(join(tmpdir(), 'feira-'));
  const spaceCashUrl = `http://127.0.0.1:${provider.address().port}`;
  program = spawn(
    PROGRAM,
    [
      'serve', '--data-dir', folder, '--rest-listen', '127.0.0.1:0', '--grpc-listen', '127.0.0.1:0',
      '--payment-type', '1=simulated', '--payment-type', '2=spacecash', '--spacecash-url', spaceCashUrl,
    ],
    { env: { ...process.env, FEIRA_ADMIN_PASSWORD, FEIRA_LOG_FORMAT: 'text' }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let log = '';
  program.stderr.on('data', (text) => (log += text));
  const [ready] = await Promise.race([once(program.stdout, 'data'), once(program, 'exit').then(() => assert.fail(log))]);
  shop = JSON.parse(ready).ready.rest;
  simulator = `http://${log.match(/simulated payment provider listens.*address\S*=(127\.0\.0\.1:\d+)/)[1]}`;
  token = (await api('POST', '/v1/auth:signIn', { login: 'admin', password: FEIRA_ADMIN_PASSWORD })).accessToken;
});
after(async () => {
  provider.close();
  if (program?.exitCode === null) {
    program.kill();
    await once(program, 'exit');
  }
  await rm(folder, { recursive: true });
});

async function api(method, path, body) {
  const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) };
  const response = await fetch(shop + path, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text);
}

/** What the simulated provider does wrong from now on. */
async function faults(plan) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${simulator}/faults`, { method: 'PUT', headers, body: JSON.stringify(plan) });
  assert.ok(response.ok, await response.text());
}

let articles = 0;
/** An order of one article; the administrator buys here. */
async function order(more) {
  const price = { currencyCode: 'EUR', units: '10' };
  const article = await api('POST', '/v1/articles', { code: `A${(articles += 1)}`, name: 'Tea', active: true, price });
  await api('POST', `/v1/articles/${article.id}/stock:adjust`, { delta: 5, reason: 'STOCK_REASON_RECEIVED' });
  return api('POST', '/v1/orders', { lines: [{ articleId: article.id, quantity: 1 }], address: ADDRESS, ...more });
}

const click = (place, text, role = 'button') => place.getByRole(role, { name: text, exact: true }).click();
const h1 = (page, text) => page.getByRole('heading', { level: 1, name: text }).waitFor();

test('payments that nobody but staff can settle are settled', async (t) => {
  const { page } = await open(t, { baseURL: shop });
  const dialog = page.getByRole('dialog');
  spaceCash = 'lose';
  const [came, failed] = [await order({ paymentType: 2 }), await order({ paymentType: 2 })];
  await signIn(page, 'admin', FEIRA_ADMIN_PASSWORD);
  await page.goto('/staff');
  const due = page.locator('.today-card', { hasText: 'Payments to settle' });
  await due.getByText('2', { exact: true }).waitFor();
  await due.locator('li a').first().click();
  await h1(page, /Outcome unknown/);
  for (const [id, button, sure, state, then] of [
    [came.paymentId, 'It was paid…', 'The money came', /Captured/, 'ORDER_STATE_PAID'],
    [failed.paymentId, 'It failed…', 'No money came', /Declined/, 'ORDER_STATE_AWAITING_PAYMENT'],
  ]) {
    await page.goto(`/staff/payments/${id}`);
    await click(page, button);
    await click(dialog, sure);
    await h1(page, state);
    assert.equal(await page.getByRole('button', { name: button }).count(), 0);
    const { orderId } = await api('GET', `/v1/payments/${id}`);
    await page.goto(`/staff/orders/${orderId}`);
    await h1(page, then === 'ORDER_STATE_PAID' ? /Paid/ : /Awaiting payment/);
  }

  // What this provider has taken goes back by hand.
  await click(page, 'Payments', 'link');
  await page.goto(`/staff/payments/${came.paymentId}`);
  await click(page, 'Refund…');
  await dialog.getByLabel('Amount in EUR').fill('10');
  await click(dialog, 'Give it back');
  await page.getByText('pay €10.00 to the customer by hand').waitFor();
  await page.getByRole('row', { name: /by hand/ }).first().waitFor();
});

test('an order that is refunded in full says so, is shipped by force only, and is taken back', async (t) => {
  const { page } = await open(t, { baseURL: shop });
  const dialog = page.getByRole('dialog');
  const paid = await order();
  await signIn(page, 'admin', FEIRA_ADMIN_PASSWORD);
  // Whoever packs parcels begins here.
  const isToBeShipped = async (expected) => {
    await page.goto('/staff');
    const card = page.locator('.today-card', { hasText: 'To ship' });
    await card.locator('.tally').waitFor();
    const { count } = await api('GET', '/v1/orders:count?toShip=true');
    assert.equal(await card.locator('.tally').innerText(), String(count));
    assert.equal(await card.getByRole('link', { name: paid.number }).count(), expected ? 1 : 0);
    await card.getByRole('link', { name: 'To ship' }).click();
    await page.getByText(`${count} in all`, { exact: true }).waitFor();
    assert.equal(await page.getByRole('link', { name: paid.number }).count(), expected ? 1 : 0);
    await page.goto(`/staff/orders/${paid.id}`);
  };
  await isToBeShipped(true);
  await h1(page, /Paid$/);
  // As soon as all of it is on its way back.
  await faults({ refund: { fail_before: 1000 } });
  await click(page, 'Refund…');
  await dialog.getByLabel('Amount in EUR').fill('10');
  await click(dialog, 'Give it back');
  await h1(page, /Paid Being refunded$/);
  await click(page, 'Ship…');
  await dialog.getByText('Ship it although it is being refunded?').waitFor();
  await page.keyboard.press('Escape');
  await isToBeShipped(false);
  await page.goto(`/orders/${paid.id}`);
  await page.getByText('Your money is on its way back to you.').waitFor();
  await page.goto(`/staff/orders/${paid.id}`);
  await faults({});
  await h1(page, /Paid Refunded$/);
  await isToBeShipped(false);
  // What was refunded of what is paid is found all the same.
  await page.goto('/staff/orders?state=PAID&refunded=full');
  await page.getByRole('link', { name: paid.number }).click();
  await h1(page, /Paid Refunded$/);
  await page.locator('.timeline', { hasText: '10.00 EUR' }).waitFor();
  await page.locator('.sums div', { hasText: 'Refunded' }).getByText('-€10.00').waitFor();
  await click(page, 'Ship…');
  await dialog.getByText('Ship it although it is refunded?').waitFor();
  await click(dialog, 'Ship it all the same');
  await h1(page, /On its way Refunded$/);
  await click(page, 'Take back… Tea');
  await click(dialog, 'It came back');
  await page.getByText('1 came back').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Take back… Tea' }).count(), 0);
  await page.goto('/staff/orders?refunded=full');
  await page.getByRole('row', { name: /On its way Refunded/ }).waitFor();
  // The shopper, who is the same here, sees it too.
  await page.goto(`/orders/${paid.id}`);
  await h1(page, /On its way Refunded$/);
});

test('a payment that waits is acknowledged, and another given up', async (t) => {
  const { page } = await open(t, { baseURL: shop });
  const dialog = page.getByRole('dialog');
  spaceCash = 'wait';
  const [first, second] = [await order({ paymentType: 2 }), await order({ paymentMethod: 'sim_action' })];
  await signIn(page, 'admin', FEIRA_ADMIN_PASSWORD);
  await page.goto(`/staff/payments/${first.paymentId}`);
  await h1(page, /Waiting/);
  for (const text of ['Refund…', 'Capture…', 'It was paid…']) assert.equal(await page.getByRole('button', { name: text }).count(), 0, text);
  await click(page, 'Acknowledge…');
  await click(dialog, 'Acknowledge it');
  await h1(page, /Captured/);
  await page.goto(`/staff/payments/${second.paymentId}`);
  await click(page, 'Void…');
  await click(dialog, 'Void the payment');
  await h1(page, /Voided/);
  // The list tells those that are not settled from the others.
  await page.goto('/staff/payments');
  await page.getByLabel('Which').selectOption({ label: 'Settled' });
  await page.waitForURL(/pending=no/);
  assert.equal(await page.locator('tbody .badge', { hasText: /^Waiting$/ }).count(), 0);
  await page.getByRole('row', { name: /simulated, type 1 .* Voided €10\.00/ }).first().waitFor();
});

test('money that did not go back is on the list of today', async (t) => {
  const { page } = await open(t, { baseURL: shop });
  const paid = await order();
  await faults({ refund: { refuse: 1 } });
  await api('POST', `/v1/orders/${paid.id}:cancel`, { reason: 'a test' });
  for (let tries = 0; ; tries += 1) {
    const { refunds } = await api('GET', `/v1/payments/${paid.paymentId}/refunds`);
    if (refunds[0]?.state === 'REFUND_STATE_FAILED') break;
    assert.ok(tries < 100, 'the refund was not refused');
    await new Promise((done) => setTimeout(done, 100));
  }
  await signIn(page, 'admin', FEIRA_ADMIN_PASSWORD);
  await page.goto('/staff');
  const due = page.locator('.today-card', { hasText: 'Money to give back' });
  // What the filter shows is what is exported.
  await order();
  await page.goto('/staff/orders?owing=yes');
  await page.locator(`tbody a[href="/staff/orders/${paid.id}"]`).waitFor();
  const [file] = await Promise.all([page.waitForEvent('download'), click(page, 'Export')]);
  const lines = (await readFile(await file.path(), 'utf8')).trim().split('\r\n');
  assert.equal(lines.length, 2, 'one order, below the header');
  assert.ok(lines[1].includes(paid.id));
  await page.goto('/staff');
  await due.getByRole('link', { name: /cancelled, not given back.*€10\.00/s }).click();
  await page.getByRole('row', { name: /€10\.00 Refused order cancelled/ }).waitFor();
  await click(page, 'Refund…');
  await click(page.getByRole('dialog'), 'Give it back');
  await h1(page, /Refunded/);
  await page.goto('/staff');
  await settled(page);
  await page.getByText('Cancelled orders have their money back.').waitFor();
});

test('a payment that is not what it was asked for is flagged, found and given back', async (t) => {
  const { page } = await open(t, { baseURL: shop });
  const dialog = page.getByRole('dialog');
  await faults({ capture: { amount_minor: 100 } });
  const short = await order();
  await faults({ capture: { currency: 'USD' } });
  const foreign = await order();
  await signIn(page, 'admin', FEIRA_ADMIN_PASSWORD);
  await page.goto('/staff/payments');
  await page.getByLabel('To look at').selectOption({ label: 'Flagged' });
  await page.waitForURL(/flagged=yes/);
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 2);
  await page.getByRole('row', { name: /Captured Another amount.*€10\.00.*€1\.00 taken/ }).waitFor();
  await page.getByRole('row', { name: /Captured Another currency.*\$10\.00/ }).waitFor();
  // What happened, in its history; the order says that it is not paid by it.
  await page.goto(`/staff/payments/${short.paymentId}`);
  await h1(page, /Captured Another amount$/);
  await page.locator('.sums div', { hasText: 'Captured' }).getByText('€1.00').waitFor();
  await page.getByText('The provider says another amount than it was asked for.').waitFor();
  await page.locator('.timeline', { hasText: 'asked for 10.00 EUR, booked 1.00 EUR' }).waitFor();
  await page.goto(`/staff/orders/${short.id}`);
  await h1(page, /Awaiting payment$/);
  await page.getByText('Another amount', { exact: true }).waitFor();
  // It goes back with the order, as what it is.
  await page.goto(`/staff/orders/${foreign.id}`);
  await click(page, 'Cancel…');
  await click(dialog, 'Cancel the order');
  await page.locator('.sums div', { hasText: 'Refunded' }).getByText(/^-.*\$10\.00$/).waitFor();
  await h1(page, /Cancelled Refunded$/);
  // A refund of another size.
  const paid = await order();
  await faults({ refund: { amount_minor: 100 } });
  await page.goto(`/staff/payments/${paid.paymentId}`);
  await click(page, 'Refund…');
  await dialog.getByLabel('Amount in EUR').fill('3');
  await click(dialog, 'Give it back');
  await h1(page, /Partly refunded Another refund$/);
  await page.getByRole('row', { name: /^€1\.00 Given back/ }).waitFor();
});
