// The shop below `/api/` of another host: a reverse proxy takes the prefix off and says so, as nginx and Traefik do.
//
// Covers: mesh.edge.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { after, before, test } from 'node:test';

import { BASE, PASSWORD, adminToken, api, article, open, settled, shopper } from './support.mjs';

let shop;
const outside = [];

const proxy = createServer((asked, answer) => {
  if (!asked.url.startsWith('/api/')) {
    outside.push(asked.url);
    return answer.writeHead(404).end();
  }
  const headers = {
    ...asked.headers,
    'x-forwarded-prefix': '/api',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': asked.headers.host,
  };
  const url = new URL(BASE);
  const inner = request({ host: url.hostname, port: url.port, method: asked.method, path: asked.url.slice(4), headers }, (got) => {
    answer.writeHead(got.statusCode, got.headers);
    got.pipe(answer);
  });
  inner.on('error', () => answer.destroy());
  asked.pipe(inner);
});

before(async () => {
  await new Promise((listens) => proxy.listen(0, '127.0.0.1', listens));
  shop = `http://127.0.0.1:${proxy.address().port}/api`;
});
after(() => {
  proxy.closeAllConnections();
  proxy.close();
});

const pathOf = (page) => new URL(page.url()).pathname;

async function signIn(page, username, password = PASSWORD) {
  await page.goto(`${shop}/sign-in`);
  await page.getByLabel('Username or e-mail').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${shop}/`);
  await page.locator('.tool .who').waitFor();
}

/** A picture of one pixel. */
const PIXEL = Uint8Array.from(
  atob('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='),
  (letter) => letter.charCodeAt(0),
);

test('a shopper walks through the shop below a prefix', async (t) => {
  const { page } = await open(t);
  outside.length = 0;
  const [maria, tea] = [await shopper(), await article({ name: 'Tea below a prefix' })];
  await api('POST', `/v1/articles/${tea.id}/image`, PIXEL, await adminToken(), { 'content-type': 'image/png' });

  await page.goto(`${shop}/`);
  await page.locator('.grid a').first().waitFor();
  for (const href of await page.locator('a[href]').evaluateAll((links) => links.map((link) => link.getAttribute('href')))) {
    assert.ok(!href.startsWith('/') || href.startsWith('/api/'), href);
  }
  await signIn(page, maria.username);
  await page.getByRole('searchbox').fill('below a prefix');
  await page.getByRole('search').getByRole('button').click();
  await page.getByRole('main').getByRole('link', { name: tea.name }).first().click();
  await page.getByRole('heading', { level: 1, name: tea.name }).waitFor();
  assert.equal(pathOf(page), `/api/articles/${tea.id}`);
  const picture = page.locator('main img').first();
  await picture.waitFor();
  assert.ok((await picture.getAttribute('src')).startsWith(`${shop}/v1/articles/`));
  await page.waitForFunction(() => document.querySelector('main img').naturalWidth > 0);

  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: 'Go to the basket' }).click();
  await page.getByRole('link', { name: 'Check out' }).waitFor();
  // Loaded anew, it is the same page of the same shopper: the path is the page's, the cookie is sent.
  await page.reload();
  await page.getByRole('link', { name: 'Check out' }).click();
  await page.getByRole('main').getByRole('button', { name: /^Pay €/ }).click();
  await page.waitForURL(`${shop}/orders/ord_*`);
  await page.goBack();
  await settled(page);
  assert.ok(pathOf(page).startsWith('/api/'), page.url());
  await page.goto(`${shop}/account`);
  await settled(page);
  assert.equal(pathOf(page), '/api/account');
  assert.deepEqual(outside, []);
});

test('who is sent to sign in comes back, and staff work below a prefix', async (t) => {
  const { page } = await open(t);
  outside.length = 0;
  await page.goto(`${shop}/staff/orders`);
  await page.waitForURL(`${shop}/sign-in?next=*`);
  await page.getByLabel('Username or e-mail').fill('admin');
  await page.getByLabel('Password').fill(process.env.FEIRA_ADMIN_PASSWORD);
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(`${shop}/staff/orders`);
  await page.getByRole('navigation', { name: 'Staff' }).getByRole('link', { name: 'Articles' }).click();
  await page.waitForURL(`${shop}/staff/articles`);
  await page.reload();
  await settled(page);
  await page.getByRole('navigation', { name: 'Staff' }).getByRole('link', { name: 'Articles' }).waitFor();
  assert.deepEqual(outside, []);
});

test('the documentation calls the shop below its prefix', async (t) => {
  const { page } = await open(t);
  outside.length = 0;
  const told = await (await fetch(`${shop}/openapi.json`)).json();
  assert.deepEqual(told.servers, [{ url: shop }]);
  await page.goto(`${shop}/docs`);
  assert.equal(pathOf(page), '/api/docs/');
  await page.locator('#sign-in input[name=login]').fill('admin');
  await page.locator('#sign-in input[name=password]').fill(process.env.FEIRA_ADMIN_PASSWORD);
  await page.locator('#sign-in button').click();
  await page.getByText('Signed in as admin').waitFor();
  const block = page.locator('.opblock[id$="-UserService_ListUsers"]');
  await block.locator('.opblock-summary-control').click();
  await block.getByRole('button', { name: 'Execute' }).click();
  const status = block.locator('.live-responses-table tbody .response-col_status').first();
  await status.waitFor();
  assert.match(await status.innerText(), /200/);
  assert.deepEqual(outside, []);
});
