// The pictures of the documentation: a shopper and staff walk through the shop as it was seeded.

import { mkdirSync } from 'node:fs';
import { test } from 'node:test';

import { ADDRESS, DESK, PASSWORD, PHONE, adminToken, api, open, settled, signIn } from './support.mjs';

const FOLDER = new URL('../../docs/screens/', import.meta.url);
mkdirSync(FOLDER, { recursive: true });

async function screenshot(page, file, { viewport = DESK, colorScheme = 'light', ...options } = {}) {
  await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
  await settled(page);
  await page.waitForLoadState('networkidle', { timeout: 3_000 }).catch(() => {}); // A stream may be open.
  await page.evaluate(() => {
    // No bar is drawn here that the space would be for.
    document.documentElement.style.scrollbarGutter = 'auto';
    return Promise.all([...document.images].filter((image) => image.loading === 'eager').map((image) => image.decode()));
  });
  await page.screenshot({ path: new URL(`${file}.png`, FOLDER).pathname, animations: 'disabled', ...options });
}

const pay = (page) => page.getByRole('main').getByRole('button', { name: /^Pay / });

test('what shoppers see', async (t) => {
  const { page } = await open(t);
  const user = { username: 'rita', email: 'rita@home.example', password: PASSWORD, firstName: 'Rita', address: { ...ADDRESS, recipient: 'Rita Moreira' } };
  await api('POST', '/v1/users', user);
  await page.goto('/');
  await screenshot(page, 'home');
  await screenshot(page, 'home-phone-dark', { viewport: PHONE, colorScheme: 'dark' });
  await page.setViewportSize(DESK);
  const { articles } = await api('GET', '/v1/articles?inStock=true&pageSize=3&orderBy=name');
  await signIn(page, user.username);
  for (const { id, name } of articles) {
    await page.goto(`/articles/${id}`);
    await page.getByRole('button', { name: 'Add to basket' }).click();
    await page.getByText(`${name} is in your basket.`).waitFor();
  }
  await page.goto(`/articles/${articles[0].id}`);
  await screenshot(page, 'article-phone', { viewport: PHONE });
  await page.goto('/checkout');
  await screenshot(page, 'checkout');
  await screenshot(page, 'checkout-phone', { viewport: PHONE, fullPage: true });
  await page.setViewportSize(DESK);
  await page.locator('#f-paymentMethod').selectOption('sim_decline');
  await pay(page).click();
  await page.getByText('The payment did not go through.').waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  await screenshot(page, 'declined');
  await page.getByRole('link', { name: 'Pay another way' }).click();
  await page.locator('#f-paymentMethod').selectOption('sim_approve');
  await pay(page).click();
  await page.getByText('Thank you: it is paid').waitFor();
  await api('POST', `/v1/orders/${page.url().match(/ord_\w+/)[0]}:ship`, { carrier: 'CTT', trackingCode: 'RR123456785PT' }, await adminToken());
  await page.getByText('It is on its way by CTT').waitFor();
  await screenshot(page, 'tracking');
  await screenshot(page, 'tracking-phone', { viewport: PHONE });
  await page.setViewportSize(DESK);
  await page.goto('/account/security');
  await page.getByRole('button', { name: 'Set up a second factor' }).click();
  await page.locator('.qr').waitFor();
  await screenshot(page, 'second-factor', { fullPage: true });
});

test('what staff see', async (t) => {
  const { page } = await open(t);
  await signIn(page, 'admin', process.env.FEIRA_ADMIN_PASSWORD);
  const { orders: [order] } = await api('GET', '/v1/orders?state=ORDER_STATE_PAID&pageSize=1', undefined, await adminToken());
  for (const [name, permissions] of [['Warehouse', ['stock', 'fulfilment']], ['Editor', ['catalogue']]]) {
    await api('POST', '/v1/roles', { name, permissions }, await adminToken());
  }
  for (const [path, file] of [
    ['/staff', 'staff-today'],
    ['/staff/articles', 'staff-articles'],
    [`/staff/orders/${order.id}`, 'staff-order'],
    ['/staff/ledger', 'staff-ledger'],
    ['/staff/instances', 'staff-instances'],
    ['/staff/roles', 'staff-roles'],
  ]) {
    await page.goto(path);
    await screenshot(page, file);
  }
  await page.goto('/staff/orders');
  await screenshot(page, 'staff-orders-phone', { viewport: PHONE });
  await page.goto('/staff');
  await screenshot(page, 'staff-today-phone-dark', { viewport: PHONE, colorScheme: 'dark' });
});
