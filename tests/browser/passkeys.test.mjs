// Passkeys, by an authenticator in Chromium itself: added, signed in by with and without a question, removed.
//
// Covers: user.passkeys.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BASE, PASSWORD, accessible, api, open, shopper, signIn, tokenOf } from './support.mjs';

/** Passkeys belong to a name: browsers make none for an address. */
const LOCAL = BASE.replace('127.0.0.1', 'localhost');

const click = (place, text) => place.getByRole('button', { name: text, exact: true }).click();

/** A page whose browser has an authenticator. `present(is)`: whether somebody touches it whenever it asks. */
async function withAuthenticator(t, more = {}) {
  const { page, context } = await open(t, { baseURL: LOCAL, ...more });
  const session = await context.newCDPSession(page);
  await session.send('WebAuthn.enable');
  const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  const send = (method, values) => session.send(`WebAuthn.${method}`, { authenticatorId, ...values });
  return { page, send };
}

async function signOut(page) {
  await page.locator('.tool .who').click();
  await click(page, 'Sign out');
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
}

test('a passkey is added, signs in without a password, and is removed', async (t) => {
  const { page, send } = await withAuthenticator(t, { expected: [/401/] });
  const { username } = await shopper();
  await signIn(page, username);
  await page.goto('/account/security');
  await page.getByRole('heading', { name: 'Passkeys' }).waitFor();
  await accessible(page, 'no passkeys');
  await click(page, 'Add a passkey');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'f-name');
  await page.getByLabel('What to call it').fill('my desk');
  await accessible(page, 'the form of a passkey');
  await click(page, 'Go on with your device');
  await page.getByText('my desk is added').waitFor();
  const list = page.getByRole('list', { name: 'Your passkeys' }).getByRole('listitem');
  await list.filter({ hasText: 'my desk' }).filter({ hasText: 'not used yet' }).waitFor();
  await accessible(page, 'a passkey');
  assert.equal((await send('getCredentials')).credentials.length, 1);
  // The same authenticator has one of hers.
  await click(page, 'Add a passkey');
  await click(page, 'Go on with your device');
  await page.getByText('This device has a passkey of yours already.').waitFor();
  await click(page, 'Cancel');

  // Nobody touches it: what the browser offers beside the name is not chosen.
  await send('setAutomaticPresenceSimulation', { enabled: false });
  await signOut(page);
  await page.goto('/sign-in');
  await accessible(page, 'the sign-in with passkeys');
  await send('setAutomaticPresenceSimulation', { enabled: true });
  await click(page, 'Use a passkey');
  await page.locator('.tool .who').waitFor();
  await page.goto('/account/security');
  await list.filter({ hasText: 'my desk' }).filter({ hasText: 'last used' }).waitFor();

  await page.getByRole('button', { name: 'Remove… my desk' }).click();
  await accessible(page, 'the question of a removal');
  await click(page.getByRole('dialog'), 'Remove the passkey');
  await page.getByText('my desk is removed.').waitFor();
  assert.equal(await list.count(), 0);
  await page.reload();
  await page.getByRole('heading', { name: 'Passkeys' }).waitFor();

  // The device has it still, and the shop takes it no more.
  await send('setAutomaticPresenceSimulation', { enabled: false });
  await signOut(page);
  await page.goto('/sign-in');
  await send('setAutomaticPresenceSimulation', { enabled: true });
  await click(page, 'Use a passkey');
  await page.getByText('This passkey does not count here any more').waitFor();
  assert.equal(await page.locator('.tool .who').count(), 0);
});

test('who does not prove to be the user of the device is not let in', async (t) => {
  const { page, send } = await withAuthenticator(t);
  const { username } = await shopper();
  await signIn(page, username);
  await page.goto('/account/security');
  await click(page, 'Add a passkey');
  await click(page, 'Go on with your device');
  await page.getByText(/is added/).waitFor();
  await send('setUserVerified', { isUserVerified: false });
  await signOut(page);
  await page.goto('/sign-in');
  await click(page, 'Use a passkey');
  await page.getByRole('button', { name: 'Use a passkey' }).and(page.locator(':enabled')).waitFor();
  assert.equal(await page.locator('.tool .who').count(), 0);
  const token = await tokenOf(username, PASSWORD);
  const [key] = (await api('GET', '/v1/users/me/passkeys', undefined, token)).passkeys;
  assert.equal(key.lastUsedTime, undefined);
});

test('where browsers make none, nothing of them is offered', async (t) => {
  const { page } = await open(t);
  const { username } = await shopper();
  await page.goto('/sign-in');
  await page.getByLabel('Password').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Use a passkey' }).count(), 0);
  await signIn(page, username);
  await page.goto('/account/security');
  await page.getByText('This browser makes none on this page.').waitFor();
});
