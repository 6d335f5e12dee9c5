// Every page of the storefront as those use it who see it differently: axe finds nothing, in light and dark, at a
// desk and on a phone.

import { test } from 'node:test';

import { PASSWORD, accessible, api, article, name, open, settled, shopper, signIn, tokenOf } from './support.mjs';

test('what guests see', async (t) => {
  const { page } = await open(t, { expected: [/404/] });
  const tea = await article({ name: 'Orange blossom tea', description: 'Picked in May. '.repeat(12), category: 'Tea' });
  const gone = await article({ name: 'Gone for good' }, 0);
  for (const [path, what] of [
    ['/', 'the front'],
    ['/?q=nothing+is+called+so', 'nothing found'],
    [`/articles/${tea.id}`, 'an article'],
    [`/articles/${gone.id}`, 'a sold-out article'],
    ['/articles/art_01h455vb4pex5vsknk084sn02q', 'what is not there'],
    ['/sign-in?next=%2Forders', 'the sign-in'],
    ['/register', 'the registration'],
  ]) {
    await page.goto(path);
    await accessible(page, what);
  }
});

test('what shoppers see', async (t) => {
  const { page } = await open(t);
  const { username } = await shopper();
  const [tea, cup] = [await article({ name: 'Green tea from the Azores' }), await article({ name: 'Handmade cup' })];
  await signIn(page, username);
  await page.goto('/basket');
  await accessible(page, 'an empty basket');
  await page.goto('/orders');
  await accessible(page, 'no orders');

  const token = await tokenOf(username, PASSWORD);
  for (const { id } of [tea, cup]) await api('POST', '/v1/orders/open/lines', { articleId: id, quantity: 2 }, token);
  await page.goto('/basket');
  await accessible(page, 'a basket');
  await page.goto('/checkout');
  await accessible(page, 'the checkout');
  await page.getByLabel('Another address').check();
  await accessible(page, 'the checkout with a new address');

  const { addresses } = await api('GET', '/v1/users/me/addresses', undefined, token);
  const order = await api('POST', '/v1/orders/open:checkout', { addressId: addresses[0].id, paymentMethod: 'sim_decline' }, token);
  for (const [path, what] of [
    [`/orders/${order.id}`, 'a declined order'],
    [`/orders/${order.id}/pay`, 'paying again'],
  ]) {
    await page.goto(path);
    await accessible(page, what);
  }
  await api('POST', `/v1/orders/${order.id}:checkout`, { paymentMethod: 'sim_action' }, token);
  await page.goto(`/orders/${order.id}`);
  await page.getByRole('link', { name: 'Confirm the payment' }).waitFor();
  await accessible(page, 'an order that waits for her');
  await api('POST', `/v1/orders/${order.id}:checkout`, {}, token);
  await page.getByText('Thank you: it is paid').waitFor();
  for (const [path, what] of [
    [`/orders/${order.id}`, 'a paid order'],
    ['/orders', 'the orders'],
    ['/account/purchases', 'what was bought'],
    ['/account/addresses', 'the addresses'],
    ['/account', 'the account'],
    ['/staff/articles', 'what is for staff'],
  ]) {
    await page.goto(path);
    await accessible(page, what);
  }
});

test('what opens, and what goes wrong', async (t) => {
  const { page, context } = await open(t, { expected: [/ERR_INTERNET_DISCONNECTED/, /401/, /400/, /409/] });
  const { username } = await shopper({});
  await page.goto('/sign-in');
  await page.getByLabel('Username or e-mail').fill(username);
  await page.getByLabel('Password').fill('the wrong one');
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('do not fit together').waitFor();
  await accessible(page, 'a wrong password');
  await page.goto('/register');
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('E-mail').fill(`${name('other')}@shop.example`);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.locator('#f-username-error', { hasText: 'taken' }).waitFor();
  await accessible(page, 'a name that is taken');

  await signIn(page, username);
  await page.locator('.tool .who').click();
  await accessible(page, 'the menu');
  await page.goto('/account/addresses');
  await page.getByRole('button', { name: 'Add an address' }).click();
  await accessible(page, 'the form of an address');
  await page.goto('/account');
  await page.getByRole('button', { name: 'Delete the account' }).click();
  await accessible(page, 'a question');
  await page.getByRole('button', { name: 'Keep it as it is' }).click();
  await settled(page);
  await context.setOffline(true);
  await page.locator('.tool .who').click();
  await page.getByRole('link', { name: 'Your orders' }).click();
  await page.getByRole('heading', { level: 1, name: 'You are offline' }).waitFor();
  await accessible(page, 'without a connection');
});
