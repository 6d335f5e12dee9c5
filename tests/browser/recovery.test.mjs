// A shop that sends mails, takes a sign-in of the last seconds for what matters, and has its staff use a second factor.
//
// Covers: user.confirm, user.reset, user.reauthentication, user.second-factor.

import assert from 'node:assert/strict';
import { createServer, request } from 'node:http';
import { after, test } from 'node:test';

import { printedPassword, startMailServer, startShop } from './programs.mjs';

// Mails have links to where people reach the shop, which is known before the shop starts.
let upstream;
const outside = createServer((asked, answer) => {
  const { hostname, port } = new URL(upstream);
  const inner = request({ hostname, port, method: asked.method, path: asked.url, headers: asked.headers }, (got) => {
    answer.writeHead(got.statusCode, got.headers);
    got.pipe(answer);
  });
  inner.on('error', () => answer.destroy());
  asked.pipe(inner);
});
await new Promise((listens) => outside.listen(0, '127.0.0.1', listens));
after(() => {
  outside.closeAllConnections();
  outside.close();
});
const shop = `http://127.0.0.1:${outside.address().port}`;
const mail = await startMailServer();
/** For how long a sign-in counts as one of now. */
const WINDOW = '3s';
upstream = await startShop([], {
  FEIRA_PUBLIC_URL: shop,
  FEIRA_SMTP_URL: mail.url,
  FEIRA_MAIL_FROM: 'shop@home.test',
  FEIRA_REAUTHENTICATION_WINDOW: WINDOW,
  FEIRA_REQUIRE_SECOND_FACTOR: 'staff',
  FEIRA_REQUIRE_PASSWORD_CHANGE: 'true',
});
process.env.FEIRA_URL = shop;
const { PASSWORD, accessible, api, codeOf, name, open, signIn, tokenOf } = await import('./support.mjs');
const { FEIRA_ADMIN_PASSWORD } = process.env;

const click = (place, text) => place.getByRole('button', { name: text, exact: true }).click();
const h1 = (page, text) => page.getByRole('heading', { level: 1, name: text }).waitFor();
const linkIn = (text) => text.match(/http:\/\/\S+/)[0];

/** Somebody whose address could be real: those of `.example` get no mail. */
async function customer() {
  const username = name('clara');
  const email = `${username}@home.test`;
  await api('POST', '/v1/users', { username, email, password: PASSWORD });
  return { username, email };
}

/** Until a sign-in of now is one of long ago. Those before it are, too. */
async function ages(username, code) {
  const { accessToken } = await api('POST', '/v1/auth:signIn', { login: username, password: PASSWORD, ...(code && { code }) });
  const headers = { authorization: `Bearer ${accessToken}`, 'content-type': 'application/json' };
  for (let tries = 0; tries < 100; tries += 1) {
    // Sets nothing up before a code is given.
    const answer = await fetch(`${shop}/v1/users/me/totp:start`, { method: 'POST', headers, body: '{}' });
    const { error } = await answer.json();
    if (error?.details[0].reason === 'REAUTHENTICATION_REQUIRED') return;
    await new Promise((later) => { setTimeout(later, 200); });
  }
  assert.fail('a sign-in is one of now for ever');
}

test('the links of mails lead to pages that work', async (t) => {
  const { page } = await open(t, { expected: [/400|401/] });
  const { username, email } = await customer();
  const confirm = linkIn(await mail.take(email));
  assert.ok(confirm.startsWith(`${shop}/confirm-email#fec_`), confirm);
  await signIn(page, username);
  await page.goto('/account');
  await page.getByText('This e-mail is not confirmed').waitFor();
  await page.goto(confirm);
  await h1(page, 'Confirm your e-mail');
  assert.equal(page.url(), `${shop}/confirm-email`, 'the token is not kept in the history');
  await accessible(page, 'the confirmation of an e-mail');
  await click(page, 'Confirm');
  await page.getByText('Your e-mail is confirmed.').waitFor();
  await page.getByRole('heading', { name: 'Profile' }).waitFor();
  assert.equal(await page.getByText('is not confirmed').count(), 0);
  // A link that was used: told, with a way on.
  await page.goto(confirm);
  await click(page, 'Confirm');
  await page.getByText('It does not count any more').waitFor();
  await accessible(page, 'a token that was used');
  await click(page, 'Send me another mail');
  await page.getByText('Another mail is on its way, unless').waitFor();

  const lost = await open(t, { expected: [/400|401/] });
  await lost.page.goto('/sign-in');
  await lost.page.getByRole('link', { name: 'Forgotten your password?' }).click();
  await lost.page.getByLabel('E-mail').fill(email);
  await accessible(lost.page, 'a forgotten password');
  await click(lost.page, 'Send me a mail');
  await h1(lost.page, 'Look at your mail');
  const reset = linkIn(await mail.take(email));
  assert.ok(reset.startsWith(`${shop}/reset-password#fpr_`), reset);
  await lost.page.goto(reset);
  await h1(lost.page, 'Set a new password');
  assert.equal(lost.page.url(), `${shop}/reset-password`);
  await accessible(lost.page, 'a new password');
  await lost.page.getByLabel('New password').fill('password1');
  await click(lost.page, 'Set the password');
  await lost.page.getByText('This password is among the first that anybody tries').waitFor();
  await lost.page.getByLabel('New password').fill('quite another one');
  await click(lost.page, 'Set the password');
  await lost.page.getByText('Your password is set.').waitFor();
  await lost.page.getByLabel('Username or e-mail').fill(email);
  await lost.page.getByLabel('Password').fill('quite another one');
  await click(lost.page.getByRole('main'), 'Sign in');
  await lost.page.locator('.tool .who').waitFor();
  // Where she was signed in, she is no more.
  await page.goto('/account');
  await h1(page, 'Sign in');
  await page.goto(reset);
  await page.getByLabel('New password').fill('still another one');
  await click(page, 'Set the password');
  await page.getByText('It does not count any more').waitFor();
});

test('what matters asks for the password where the sign-in was long ago, and is then done', async (t) => {
  const { page, context } = await open(t, { expected: [/400|401/] });
  const { username } = await customer();
  await signIn(page, username);
  const other = await context.newPage();
  await other.goto('/account');
  // Pages behind others are drawn once a second.
  await page.bringToFront();
  await page.goto('/account');
  await ages(username);
  const dialog = page.getByRole('dialog', { name: 'Is it you?' });

  await page.getByLabel('E-mail').fill(`${username}-new@home.test`);
  await click(page, 'Save');
  await dialog.waitFor();
  await accessible(page, 'the question for the password');
  // Left, it is as it was.
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
  const token = await tokenOf(username, PASSWORD);
  assert.equal((await api('GET', '/v1/users/me', undefined, token)).email, `${username}@home.test`);

  await click(page, 'Save');
  await dialog.getByLabel('Password').fill('the wrong one');
  await click(dialog, 'Go on');
  await dialog.getByText('This is not your password.').waitFor();
  await dialog.getByLabel('Password').fill(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByText('A mail to the new address lets you confirm it.').waitFor();
  const user = await api('GET', '/v1/users/me', undefined, token);
  assert.deepEqual([user.email, user.emailVerified], [`${username}-new@home.test`, false]);
  await mail.take(user.email);
  // One session was put in place of another, for the other tab, too.
  await other.getByRole('link', { name: 'Signing in' }).first().click();
  await other.getByText('This one').waitFor();
  assert.equal(await other.getByText('Chrome on Linux').count(), 1);

  await ages(username);
  await page.goto('/account/keys');
  await click(page, 'Make a key');
  await page.getByLabel('What it is for').fill('robot');
  await click(page, 'Make the key');
  await dialog.getByLabel('Password').fill(PASSWORD);
  await click(dialog, 'Go on');
  await page.getByRole('heading', { name: 'The secret of robot' }).waitFor();

  await page.goto('/account/security');
  await ages(username);
  await click(page, 'Set up a second factor');
  await dialog.getByLabel('Password').fill(PASSWORD);
  await click(dialog, 'Go on');
  const secret = (await page.locator('.secret code').innerText()).replaceAll(' ', '');
  await page.getByRole('textbox', { name: 'Code' }).fill(codeOf(secret, -1));
  await click(page, 'Turn it on');
  await page.getByText('Keep these codes for recovery').waitFor();
  const [code, another] = await page.getByRole('list', { name: 'Codes for recovery' }).getByRole('listitem').allInnerTexts();

  // With a second factor it asks for a code as well, and then she can go.
  await ages(username, another);
  await page.goto('/account');
  await click(page, 'Delete the account');
  const sure = page.getByRole('dialog', { name: 'Delete your account?' });
  await sure.getByLabel('Username').fill(username);
  await click(sure, 'Delete the account');
  await dialog.getByLabel('Password').fill(PASSWORD);
  await click(dialog, 'Go on');
  await dialog.getByRole('textbox', { name: 'Code' }).fill('000000');
  await accessible(page, 'the question for a code');
  await click(dialog, 'Go on');
  await dialog.getByText('The password or the code is not right.').waitFor();
  await dialog.getByRole('textbox', { name: 'Code' }).fill(code);
  await click(dialog, 'Go on');
  await page.getByText('Your account is deleted.').waitFor();
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
});

test('staff who must have a second factor are told so, and are staff once they have it', async (t) => {
  const { page } = await open(t, { expected: [/400|401|403/] });
  await signIn(page, 'admin', FEIRA_ADMIN_PASSWORD);
  await page.getByRole('link', { name: 'Staff', exact: true }).click();
  await h1(page, 'A second factor first');
  await accessible(page, 'what staff without a second factor see');
  await page.getByRole('link', { name: 'Set it up' }).click();
  await click(page, 'Set up a second factor');
  const dialog = page.getByRole('dialog', { name: 'Is it you?' });
  const key = page.locator('.secret code');
  await key.or(dialog).waitFor();
  if (await dialog.count()) {
    await dialog.getByLabel('Password').fill(FEIRA_ADMIN_PASSWORD);
    await click(dialog, 'Go on');
  }
  const secret = (await key.innerText()).replaceAll(' ', '');
  await page.getByRole('textbox', { name: 'Code' }).fill(codeOf(secret));
  await click(page, 'Turn it on');
  await click(page, 'I have kept them');
  await page.getByRole('link', { name: 'Staff', exact: true }).click();
  await h1(page, 'Today');
  await page.getByRole('navigation', { name: 'Staff' }).getByRole('link', { name: 'Roles' }).waitFor();
});

test('staff whose password was printed are told to change it, before anything else', async (t) => {
  const { page } = await open(t, { expected: [/403/] });
  const username = name('eva');
  const printed = printedPassword(username);
  await signIn(page, username, printed);
  await page.getByRole('link', { name: 'Staff', exact: true }).click();
  await h1(page, 'A new password first');
  await accessible(page, 'what staff with a printed password see');
  await page.getByRole('link', { name: 'Change it' }).click();
  await page.getByLabel('The one you have').fill(printed);
  await page.getByLabel('A new one').fill(PASSWORD);
  await click(page, 'Change the password');
  await page.getByText('Your password is changed').waitFor();
  await page.getByRole('link', { name: 'Staff', exact: true }).click();
  await h1(page, 'A second factor first');
});
