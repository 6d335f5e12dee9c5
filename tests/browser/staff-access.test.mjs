// Every page for staff as those use it who see it differently: axe finds nothing, in light and dark, at a desk and
// on a phone.

import { test } from 'node:test';

import { ADDRESS, PASSWORD, accessible, adminToken, api, article, open, settled, shopper, signIn, tokenOf } from './support.mjs';

const { FEIRA_ADMIN_PASSWORD } = process.env;

/** An order that a shopper has paid, and her basket. */
async function sales() {
  const { username, id } = await shopper();
  const token = await tokenOf(username, PASSWORD);
  const tea = await article({ name: 'Tea with a rather long name, picked by hand on the hills above the river', description: 'Dried. '.repeat(20) }, 5);
  const lines = [{ articleId: tea.id, quantity: 2 }];
  const order = await api('POST', '/v1/orders', { lines, address: ADDRESS }, token);
  const basket = await api('POST', '/v1/orders/open/lines', lines[0], token);
  const staff = await adminToken();
  await api('POST', `/v1/payments/${order.paymentId}:refund`, { amount: { currencyCode: 'EUR', units: '1' }, reason: 'A dent' }, staff);
  return { id, tea, order, basket };
}

async function check(t, pages) {
  const { page } = await open(t, { expected: [/400|404|409/] });
  await signIn(page, 'admin', FEIRA_ADMIN_PASSWORD);
  for (const [path, what, act] of pages) {
    await page.goto(path);
    await settled(page);
    await act?.(page);
    await accessible(page, what);
  }
}

const press = (text) => (page) => page.getByRole('button', { name: text }).first().click();

test('what is sold', async (t) => {
  const { tea, order, basket } = await sales();
  await check(t, [
    ['/staff', 'today'],
    ['/staff/orders?customer=maria', 'orders, with all filters', (page) => page.locator('.filter-bar [aria-invalid]').waitFor()],
    ['/staff/orders', 'orders'],
    [`/staff/orders/${order.id}`, 'an order'],
    [`/staff/orders/${order.id}`, 'the question of a refund', press('Refund…')],
    [`/staff/orders/${basket.id}`, 'a basket'],
    ['/staff/articles', 'articles'],
    [`/staff/articles/${tea.id}`, 'an article'],
    [`/staff/articles/${tea.id}`, 'two versions of an article', async (page) => {
      await api('PATCH', `/v1/articles/${tea.id}`, { category: 'Tea' }, await adminToken());
      await page.getByLabel('Category').fill('Herbs');
      await press('Save')(page);
      await page.locator('.conflict').waitFor();
    }],
  ]);
});

test('what is kept and counted', async (t) => {
  const { id, tea, order } = await sales();
  await check(t, [
    ['/staff/articles/new', 'a new article'],
    ['/staff/articles/import', 'an import', async (page) => {
      await page.getByLabel('File').setInputFiles({ name: 'a.csv', mimeType: 'text/csv', buffer: Buffer.from('code,name\n!,x\n') });
      await press('Bring it in')(page);
      await page.locator('#outcome').waitFor();
    }],
    [`/staff/articles/${tea.id}/stock`, 'stock of an article'],
    ['/staff/stock', 'stock'],
    ['/staff/payments', 'payments'],
    [`/staff/payments/${order.paymentId}`, 'a payment'],
    ['/staff/ledger', 'the ledger', press('Add up all pages')],
    ['/staff/users', 'users'],
    [`/staff/users/${id}`, 'a user'],
    ['/staff/instances', 'instances'],
    ['/staff/audit', 'the audit', async (page) => {
      await press('Check now')(page);
      await page.locator('#result .notice').waitFor();
    }],
  ]);
});
