// Being signed in: tokens out of reach, sessions that end, several tabs, and no connection.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PASSWORD, adminToken, api, article, open, shopper, signIn, tokenOf } from './support.mjs';

/** Makes a user's access tokens stop working; refreshing gives new ones. */
const outdate = async ({ id }) =>
  api('POST', `/v1/users/${id}:setRoles`, { roles: ['ROLE_CUSTOMER'] }, await adminToken());

const TOKEN = /eyJ[\w-]+\.|"?(access|refresh)_?token|frt_/i;

test('no script finds a token where it could take it from', async (t) => {
  const { page, context } = await open(t);
  const { username } = await shopper();
  await signIn(page, username);
  await page.goto('/account');
  await page.getByRole('heading', { name: 'Profile' }).waitFor();
  const found = await page.evaluate(async () => ({
    local: JSON.stringify(localStorage),
    session: JSON.stringify(sessionStorage),
    cookies: document.cookie,
    databases: JSON.stringify(await indexedDB.databases()),
    caches: JSON.stringify(await caches.keys()),
    globals: Object.keys(window).filter((name) => typeof window[name] === 'string').map((name) => window[name]).join(' '),
    page: document.documentElement.outerHTML,
    history: JSON.stringify(history.state),
  }));
  for (const [where, text] of Object.entries(found)) assert.doesNotMatch(text, TOKEN, where);
  assert.equal(found.cookies, '');
  const [cookie, ...others] = await context.cookies(`${page.url().split('/account')[0]}/v1/auth:refresh`);
  assert.deepEqual(others, []);
  assert.equal(cookie.name, 'feira_refresh_token');
  assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, 'Strict', '/v1/auth:refresh']);
  assert.deepEqual(await context.cookies(page.url()), [], 'it is sent nowhere else');
});

test('an access token that ended is renewed without her noticing', async (t) => {
  const { page } = await open(t, { expected: [/401/] });
  const user = await shopper();
  const tea = await article();
  await signIn(page, user.username);
  await page.goto(`/articles/${tea.id}`);
  await page.getByRole('button', { name: 'Add to basket' }).waitFor();
  await outdate(user);
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: /^Basket.* 1$/ }).waitFor();
});

test('a session that was ended leads to the sign-in, and back to where she was', async (t) => {
  const { page } = await open(t, { expected: [/401/] });
  const user = await shopper();
  await signIn(page, user.username);
  const admin = await adminToken();
  await api('POST', `/v1/users/${user.id}:disable`, {}, admin);
  await api('POST', `/v1/users/${user.id}:enable`, {}, admin);
  await page.goto('/account/purchases');
  await page.getByText('Your sign-in has ended.').waitFor();
  await page.getByLabel('Username or e-mail').fill(user.username);
  await page.getByLabel('Password').fill('the wrong one');
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('do not fit together').waitFor();
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { level: 1, name: 'Bought before' }).waitFor();
  assert.match(page.url(), /\/account\/purchases$/);
});

test('a guest is asked to sign in, and nobody is sent to another site afterwards', async (t) => {
  const { page } = await open(t);
  const { username } = await shopper();
  await page.goto('/orders');
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  assert.match(page.url(), /\/sign-in\?next=%2Forders$/);
  for (const next of ['https://evil.example/', '//evil.example', 'javascript:alert(1)', '/\\evil.example']) {
    await page.goto(`/sign-in?next=${encodeURIComponent(next)}`);
    await page.getByLabel('Username or e-mail').fill(username);
    await page.getByLabel('Password').fill(PASSWORD);
    await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Welcome to the market' }).waitFor();
    await page.locator('.tool .who').click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
  }
});

test('tabs that renew at once do not end each other’s session', async (t) => {
  const { page, context } = await open(t, { expected: [/401/] });
  const user = await shopper();
  await signIn(page, user.username);
  const tabs = [page, await context.newPage(), await context.newPage(), await context.newPage()];
  for (let round = 0; round < 3; round += 1) {
    await outdate(user);
    await Promise.all(tabs.map((tab) => tab.goto('/account')));
    await Promise.all(tabs.map((tab) => tab.getByRole('heading', { name: 'Profile' }).waitFor()));
  }
  // Without a page load: all tabs find out by a call that their token has ended.
  await outdate(user);
  const menus = tabs.map(async (tab) => {
    await tab.locator('.tool .who').click();
    await tab.getByRole('link', { name: 'Your orders' }).click();
    await tab.getByRole('heading', { level: 2, name: 'No orders yet' }).waitFor();
  });
  await Promise.all(menus);
});

test('a page that is loaded again and again while it renews stays signed in', async (t) => {
  const { page } = await open(t, { expected: [/401/] });
  const { username } = await shopper();
  await signIn(page, username);
  for (let round = 0; round < 3; round += 1) {
    const renewing = page.waitForRequest('**/v1/auth:refresh');
    await page.goto('/account', { waitUntil: 'commit' });
    await renewing;
  }
  await page.goto('/account');
  await page.getByRole('heading', { name: 'Profile' }).waitFor();
});

test('signing out in one tab signs out all', async (t) => {
  const { page, context } = await open(t, { expected: [/401/, /400/] });
  const { username } = await shopper();
  await signIn(page, username);
  const other = await context.newPage();
  await other.goto('/account');
  await other.getByRole('heading', { name: 'Profile' }).waitFor();
  await page.locator('.tool .who').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  await other.getByRole('link', { name: 'Sign in' }).waitFor();
  await other.getByRole('heading', { level: 1, name: 'Welcome to the market' }).waitFor();
  assert.deepEqual(await context.cookies(`${page.url()}v1/auth:refresh`), []);
  await other.goto('/account');
  await other.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
});

test('without a connection she is told so, and with one it goes on', async (t) => {
  const { page, context } = await open(t, { expected: [/ERR_INTERNET_DISCONNECTED|Failed to fetch/] });
  const { username } = await shopper();
  const tea = await article();
  await signIn(page, username);
  await page.goto(`/articles/${tea.id}`);
  await page.getByRole('button', { name: 'Add to basket' }).waitFor();
  await context.setOffline(true);
  await page.getByText('You are offline. What you see may be old').waitFor();

  // What she does is told not to have happened; done again, it happens once.
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByText('The shop cannot be reached.').waitFor();
  await page.locator('.tool .who').click();
  await page.getByRole('link', { name: 'Your orders' }).click();
  await page.getByRole('heading', { level: 1, name: 'You are offline' }).waitFor();
  await context.setOffline(false);
  await page.getByRole('heading', { level: 2, name: 'No orders yet' }).waitFor();
  await page.getByText('You are offline.').waitFor({ state: 'detached' });
  await page.goto(`/articles/${tea.id}`);
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: /^Basket.* 1$/ }).waitFor();
});

test('a click whose answer is lost is not done twice', async (t) => {
  const { page } = await open(t, { expected: [/ERR_FAILED/] });
  const { username } = await shopper();
  const tea = await article();
  await signIn(page, username);
  await page.goto(`/articles/${tea.id}`);
  const keys = [];
  let lost = 1;
  await page.route('**/v1/orders/open/lines', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    const response = await route.fetch();
    await (lost-- > 0 ? route.abort() : route.fulfill({ response }));
  });
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByText('The shop cannot be reached.').waitFor();
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: /^Basket.* 1$/ }).waitFor();
  assert.equal(keys[0], keys[1]);
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: /^Basket.* 2$/ }).waitFor();
  assert.notEqual(keys[2], keys[1], 'another click is another addition');
});

test('a stream that is refused for a while is left alone for so long', async (t) => {
  const { page } = await open(t, { expected: [/429/] });
  const user = await shopper();
  const tea = await article();
  const token = await tokenOf(user.username, PASSWORD);
  const { addresses: [address] } = await api('GET', '/v1/users/me/addresses', undefined, token);
  const body = { lines: [{ articleId: tea.id, quantity: 1 }], addressId: address.id, paymentMethod: 'sim_decline' };
  const order = await api('POST', '/v1/orders', body, token);
  const asked = [];
  await page.route(/:watch/, async (route) => {
    asked.push(Date.now());
    if (asked.length > 1) return route.continue();
    return route.fulfill({ status: 429, headers: { 'retry-after': '4' }, contentType: 'application/json', body: '{}' });
  });
  await signIn(page, user.username);
  await page.goto(`/orders/${order.id}`);
  await page.getByText('Live', { exact: true }).waitFor();
  assert.equal(asked.length, 2);
  assert.ok(asked[1] - asked[0] >= 3_900, `${asked[1] - asked[0]} ms`);
});

test('a stream that breaks off is taken up again, without a gap', async (t) => {
  const { page } = await open(t, { expected: [/ERR_|network/i] });
  const user = await shopper();
  const tea = await article();
  await signIn(page, user.username);
  const login = await api('POST', '/v1/auth:signIn', { login: user.username, password: PASSWORD });
  const { addresses } = await api('GET', '/v1/users/me/addresses', undefined, login.accessToken);
  const order = await api('POST', '/v1/orders', { lines: [{ articleId: tea.id, quantity: 1 }], addressId: addresses[0].id }, login.accessToken);
  // Each answer of the stream ends after what there is by then.
  let opened = 0;
  await page.route(/:watch/, async (route) => {
    opened += 1;
    const after = new URL(route.request().url()).searchParams.get('afterSequence') ?? 0;
    const { events } = await api('GET', `/v1/orders/${order.id}/events?pageSize=100`, undefined, login.accessToken);
    const missed = events.filter((event) => Number(event.sequence) > Number(after)).slice(0, 1);
    await route.fulfill({ contentType: 'application/x-ndjson', body: missed.map((result) => `${JSON.stringify({ result })}\n`).join('') });
  });
  await page.goto(`/orders/${order.id}`);
  await page.getByText('Thank you: it is paid').waitFor();
  const staff = await adminToken();
  await api('POST', `/v1/orders/${order.id}:ship`, {}, staff);
  await api('POST', `/v1/orders/${order.id}:deliver`, {}, staff);
  await page.getByText('It has arrived. Enjoy.').waitFor({ timeout: 20_000 });
  await page.locator('.timeline strong', { hasText: 'Delivered' }).waitFor();
  assert.ok(opened > 1);
  const steps = await page.locator('.timeline strong').allInnerTexts();
  assert.deepEqual(steps.slice(-3), ['Paid', 'On its way', 'Delivered']);
});
