// Webhooks on staff's pages: made, tested, changed, and what was sent.
//
// Covers: mesh.webhooks.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { ADDRESS, PASSWORD, accessible, api, article, name, open, shopper, signIn, tokenOf } from './support.mjs';

const click = (place, text, role = 'button') => place.getByRole(role, { name: text, exact: true }).click();

/** A receiver that keeps what comes, and refuses it while `refuses` is set. */
async function receiver(t) {
  const received = { events: [], refuses: false };
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      received.events.push({ headers: request.headers, body });
      response.writeHead(received.refuses ? 500 : 204).end();
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return Object.assign(received, { url: `http://127.0.0.1:${server.address().port}/hook` });
}

test('a webhook is made, tested, told of an order, and deleted', async (t) => {
  const { page } = await open(t, { expected: [/400/] });
  const there = await receiver(t);
  const called = name('erp');
  await signIn(page, 'admin', process.env.FEIRA_ADMIN_PASSWORD);
  await page.goto('/staff/webhooks');
  await accessible(page, 'webhooks');
  await click(page, 'New webhook', 'link');
  await page.getByLabel('URL').fill('ftp://127.0.0.1/');
  await page.getByLabel('What it is for').fill(called);
  await page.getByLabel('Types of events').fill('order.paid order.shipped');
  await click(page, 'Make the webhook');
  await page.locator('#f-url-error', { hasText: /./ }).waitFor();
  await page.getByLabel('URL').fill(there.url);
  await accessible(page, 'a new webhook');
  await click(page, 'Make the webhook');
  const secret = await page.locator('.secret code').innerText();
  assert.match(secret, /^whsec_/);
  await click(page, 'I have it');
  await page.getByRole('heading', { level: 1, name: called }).waitFor();

  await click(page, 'Send a test');
  await page.getByText('The test was taken. It answered 204.').waitFor();
  const [{ headers, body }] = there.events;
  const signed = createHmac('sha256', Buffer.from(secret.slice(6), 'base64'));
  signed.update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`);
  assert.equal(headers['webhook-signature'], `v1,${signed.digest('base64')}`);
  there.refuses = true;
  await click(page, 'Send a test');
  await page.getByText('The test was not taken. It answered 500.').waitFor();
  there.refuses = false;

  const customer = await shopper();
  const tea = await article({ name: 'Tea for webhooks' });
  const token = await tokenOf(customer.username, PASSWORD);
  await api('POST', '/v1/orders', { lines: [{ articleId: tea.id, quantity: 1 }], address: ADDRESS }, token);
  const row = page.getByRole('row', { name: /^order\.paid/ });
  await row.getByText('Taken').waitFor();
  await accessible(page, 'a webhook');
  await row.getByRole('button', { name: /^Send again/ }).click();
  await page.getByText('It is sent again.').waitFor();

  await page.getByLabel(/^Disabled/).check();
  await click(page, 'Save');
  await page.getByText('The webhook is saved.').waitFor();
  await page.goto('/staff/webhooks');
  await page.getByRole('row', { name: new RegExp(`^${called}.*Disabled`) }).waitFor();
  await click(page, called, 'link');
  await click(page, 'Delete…');
  await click(page.getByRole('dialog'), 'Delete the webhook');
  await page.getByText('The webhook is deleted.').waitFor();
});
