// The account: where she is signed in, keys for her programs, codes beside the password, a copy of what is held about her.
//
// Covers: user.sessions, user.api-keys, user.second-factor, user.export.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { BASE, PASSWORD, accessible, api, codeOf, open, readQr, shopper, signIn, tokenOf } from './support.mjs';

const click = (place, text) => place.getByRole('button', { name: text, exact: true }).click();
const statusOf = async (path, authorization) => (await fetch(BASE + path, { headers: { authorization } })).status;
const h2 = (page, text) => page.getByRole('heading', { level: 2, name: text }).waitFor();

test('she sees where she is signed in, and ends what she does not know', async (t) => {
  const { page } = await open(t, { userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0' });
  const { username } = await shopper();
  const agent = (name) => fetch(`${BASE}/v1/auth:signIn`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': name },
    body: JSON.stringify({ login: username, password: PASSWORD }),
  }).then((answer) => answer.json());
  const phone = await agent('Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1');
  const [robot, other] = [await agent('robot/7'), await agent('other/1')];
  await signIn(page, username);
  await page.locator('.tool .who').click();
  await page.getByRole('link', { name: 'Signing in' }).click();
  const list = page.getByRole('listitem').filter({ hasText: 'last used' });
  await list.first().filter({ hasText: 'Firefox on Linux' }).filter({ hasText: 'This one' }).waitFor();
  assert.equal(await list.count(), 4);
  await list.filter({ hasText: 'Safari on iPhone' }).filter({ hasText: '127.0.0.1' }).waitFor();
  assert.equal(await list.first().getByRole('button').count(), 0, 'the own session ends by signing out');
  await accessible(page, 'how she signs in');

  await list.filter({ hasText: 'robot/7' }).getByRole('button', { name: /^End/ }).click();
  await page.getByText('That session has ended.').waitFor();
  assert.equal(await list.count(), 3);
  assert.equal(await statusOf('/v1/users/me', `Bearer ${robot.accessToken}`), 401);
  assert.equal(await statusOf('/v1/users/me', `Bearer ${phone.accessToken}`), 200);
  await click(page, 'End all others…');
  await click(page.getByRole('dialog'), 'End them');
  await page.getByText('All other sessions have ended.').waitFor();
  assert.equal(await list.count(), 1);
  for (const { accessToken } of [phone, other]) assert.equal(await statusOf('/v1/users/me', `Bearer ${accessToken}`), 401);
  // This one goes on.
  await page.reload();
  await page.getByText('This one').waitFor();
});

test('a key is made by the keyboard alone, shown once, rotated, and revoked', async (t) => {
  const { page, context } = await open(t);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const { username } = await shopper();
  await signIn(page, username);
  await page.goto('/account/keys');
  await page.getByText('None yet').waitFor();
  await page.getByRole('button', { name: 'Make a key' }).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('price watcher');
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'f-limit-read', 'the least is what is chosen');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Space');
  await accessible(page, 'the form of a key');
  await page.keyboard.press('Enter');
  await h2(page, 'The secret of price watcher');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'secret-title');
  await accessible(page, 'a new key');
  const secret = await page.locator('.secret code').innerText();
  assert.match(secret, /^feira_[0-9A-Za-z]+_[0-9A-Za-z]+$/);
  await page.getByRole('button', { name: 'Copy the secret' }).click();
  await page.getByText('It is copied.').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);

  // It is as she chose it.
  const token = await tokenOf(username, PASSWORD);
  const [key] = (await api('GET', '/v1/users/me/apiKeys', undefined, token)).apiKeys;
  assert.deepEqual([key.name, key.scopes], ['price watcher', ['read', 'fulfilment']]);
  const days = (new Date(key.expireTime) - Date.now()) / 86_400_000;
  assert.ok(days > 29.9 && days <= 30, `${days} days`);
  assert.equal(await statusOf('/v1/users/me', `Bearer ${secret}`), 200);
  await page.reload();
  await h2(page, 'price watcher');
  assert.equal(await page.getByText(secret).count(), 0, 'it is shown once');
  assert.doesNotMatch(await page.evaluate(() => JSON.stringify([localStorage, sessionStorage, history.state])), /feira_/);

  await page.getByRole('button', { name: 'Another secret… for price watcher' }).click();
  await page.getByRole('dialog').getByLabel('The old secret').selectOption({ label: 'Go on for a day' });
  await accessible(page, 'the question of a rotation');
  await click(page.getByRole('dialog'), 'Make another secret');
  await h2(page, 'The secret of price watcher');
  const newer = await page.locator('.secret code').innerText();
  assert.notEqual(newer, secret);
  for (const one of [secret, newer]) assert.equal(await statusOf('/v1/users/me', `Bearer ${one}`), 200);
  await click(page, 'I have it');
  await page.getByText(newer).waitFor({ state: 'detached' });
  await page.getByText(/Last used/).waitFor();

  await page.getByRole('button', { name: 'Revoke… price watcher' }).click();
  await click(page.getByRole('dialog'), 'Revoke the key');
  await page.getByText('price watcher is revoked.').waitFor();
  await page.getByText('None yet').waitFor();
  for (const one of [secret, newer]) assert.equal(await statusOf('/v1/users/me', `Bearer ${one}`), 401);
});

test('codes of an authenticator are set up by what a camera reads, asked for, and taken away', async (t) => {
  const { page, context } = await open(t, { expected: [/400|401/] });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const { username } = await shopper();
  await signIn(page, username);
  await page.goto('/account/security');
  await click(page, 'Set up a second factor');
  const code = page.getByRole('img', { name: 'QR code for your authenticator' });
  await code.waitFor();
  await accessible(page, 'setting up a second factor');
  const uri = new URL(await readQr(page, code));
  assert.ok(uri.href.startsWith(`otpauth://totp/Feira:${username}?`), uri.href);
  const secret = uri.searchParams.get('secret');
  assert.equal((await page.locator('.secret code').innerText()).replaceAll(' ', ''), secret);
  // Dark pages show it as light ones do: cameras take no negatives.
  await page.emulateMedia({ colorScheme: 'dark' });
  assert.equal(await readQr(page, code), uri.href);
  await page.emulateMedia({ colorScheme: 'light' });

  await page.getByRole('textbox', { name: 'Code' }).fill('000000');
  await click(page, 'Turn it on');
  await page.locator('#f-code-error', { hasText: 'wrong' }).waitFor();
  // The step before counts as well, which leaves this one and the next.
  await page.getByRole('textbox', { name: 'Code' }).fill(codeOf(secret, -1));
  await click(page, 'Turn it on');
  await page.getByText('Keep these codes for recovery').waitFor();
  const codes = await page.getByRole('list', { name: 'Codes for recovery' }).getByRole('listitem').allInnerTexts();
  assert.equal(codes.length, 10);
  await accessible(page, 'codes for recovery');
  await page.getByRole('button', { name: 'Copy the codes' }).click();
  await page.getByText('It is copied.').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `${codes.join('\n')}\n`);
  const [file] = await Promise.all([page.waitForEvent('download'), click(page, 'Save as a file')]);
  assert.equal(await readFile(await file.path(), 'utf8'), `${codes.join('\n')}\n`);
  await click(page, 'I have kept them');
  await page.getByRole('heading', { name: 'Second factor On' }).waitFor();
  assert.equal(await page.getByText(codes[0]).count(), 0, 'they are shown once');

  const leave = async () => {
    await page.locator('.tool .who').click();
    await click(page, 'Sign out');
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
  };
  const enter = async (password) => {
    await page.goto('/sign-in');
    await page.getByLabel('Username or e-mail').fill(username);
    await page.getByLabel('Password').fill(password);
    await click(page.getByRole('main'), 'Sign in');
  };
  await leave();
  await enter('the wrong one');
  await page.getByText('do not fit together').waitFor();
  assert.equal(await page.getByRole('textbox', { name: 'Code' }).count(), 0, 'who has not the password is not told');
  await enter(PASSWORD);
  await page.getByRole('textbox', { name: 'Code' }).fill('000000');
  await accessible(page, 'the sign-in with a code');
  await click(page.getByRole('main'), 'Sign in');
  await page.getByText('Name, password and code do not fit together').waitFor();
  await page.getByRole('textbox', { name: 'Code' }).fill(codeOf(secret));
  await click(page.getByRole('main'), 'Sign in');
  await page.locator('.tool .who').waitFor();
  await leave();
  await enter(PASSWORD);
  await page.getByRole('textbox', { name: 'Code' }).fill(codes[3]);
  await page.keyboard.press('Enter');
  await page.locator('.tool .who').waitFor();

  await page.goto('/account/security');
  await click(page, 'Remove it…');
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: 'Code' }).fill(codes[3]);
  await click(dialog, 'Remove the second factor');
  await page.locator('#d-code-error', { hasText: 'wrong' }).waitFor();
  await accessible(page, 'a code that was used');
  await dialog.getByRole('textbox', { name: 'Code' }).fill(codes[4]);
  await click(dialog, 'Remove the second factor');
  await page.getByRole('heading', { name: 'Second factor Off' }).waitFor();
  await tokenOf(username, PASSWORD);
});

test('she gets a copy of what is held about her, and her new name at once', async (t) => {
  const { page } = await open(t);
  const { username, id } = await shopper();
  await signIn(page, username);
  await page.goto('/account');
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Download it' }).click()]);
  const lines = (await readFile(await file.path(), 'utf8')).trim().split('\n').map((line) => JSON.parse(line).result);
  const kinds = lines.map(({ kind }) => kind);
  for (const kind of ['user', 'address', 'session']) assert.ok(kinds.includes(kind), kinds.join());
  assert.equal(lines.find(({ kind }) => kind === 'user').record.id, id);
  await page.getByLabel('First name').fill('Rosa');
  await click(page, 'Save');
  await page.locator('.tool .who', { hasText: 'Rosa' }).waitFor();
  await page.reload();
  await page.locator('.tool .who', { hasText: 'Rosa' }).waitFor();
});

test('who is turned away is told how long to wait, and nothing is tried again meanwhile', async (t) => {
  const { page } = await open(t, { expected: [/429|503/] });
  const { username } = await shopper();
  // Too many wrong passwords from here.
  const body = { login: username, password: 'the wrong one' };
  let last;
  for (let tries = 0; tries < 11; tries += 1) {
    const headers = { 'content-type': 'application/json' };
    last = await fetch(`${BASE}/v1/auth:signIn`, { method: 'POST', headers, body: JSON.stringify(body) });
  }
  assert.equal(last.status, 429);
  await page.goto('/sign-in');
  await page.getByLabel('Username or e-mail').fill(username);
  await page.getByLabel('Password').fill(PASSWORD);
  let asked = 0;
  page.on('request', (request) => (asked += request.url().includes('/v1/auth:signIn')));
  await click(page.getByRole('main'), 'Sign in');
  await page.getByText(/^Too many tries\. Wait (\d+ seconds|\d+ minutes), then try again\.$/).waitFor();
  assert.equal(asked, 1);
  await accessible(page, 'a sign-in that is refused for a while');

  const other = await shopper();
  await signIn(page, other.username);
  let calls = 0;
  const answer = (contentType, body) => (route) => {
    calls += 1;
    return route.fulfill({ status: 503, contentType, headers: { 'retry-after': '7' }, body });
  };
  const detail = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'OVERLOADED', domain: 'feira', metadata: {} };
  const error = { error: { code: 503, status: 'UNAVAILABLE', message: 'too much to do', details: [detail] } };
  await page.goto('/account');
  await page.getByLabel('First name').fill('Rosa');
  await page.route('**/v1/users/me', answer('application/json', JSON.stringify(error)));
  await click(page, 'Save');
  await page.getByText('nothing was begun. Wait 7 seconds, then try again.').waitFor();
  // A proxy before the shop says it in its own words.
  await page.unroute('**/v1/users/me');
  await page.route('**/v1/users/me', answer('text/html', '<h1>Service Unavailable</h1>'));
  await page.goto('/account');
  await page.getByRole('alert').getByText('Wait 7 seconds, then try again.').waitFor();
  await page.waitForLoadState('networkidle');
  assert.equal(calls, 2);
  await page.unroute('**/v1/users/me');
  await click(page, 'Try again');
  await page.getByRole('heading', { name: 'Profile' }).waitFor();
});
