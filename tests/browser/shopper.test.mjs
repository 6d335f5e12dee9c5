// The shopper's journey, as she clicks it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ADDRESS, DESK, PASSWORD, PHONE, adminToken, api, article, name, open, settled, shopper, signIn, tokenOf } from './support.mjs';

const pay = (page) => page.getByRole('main').getByRole('button', { name: /^Pay €/ });
const orderId = (page) => page.url().match(/ord_\w+/)[0];

async function fillAddress(page) {
  await page.getByLabel('Recipient').fill(ADDRESS.recipient);
  await page.getByLabel('Street and number').fill(ADDRESS.lines[0]);
  await page.getByLabel('Postal code').fill(ADDRESS.postalCode);
  await page.getByLabel('City').fill(ADDRESS.city);
  await page.getByLabel('Country').selectOption('PT');
}

/** Puts an article into the basket and goes to the checkout. */
async function toCheckout(page, { id }) {
  await page.goto(`/articles/${id}`);
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: 'Go to the basket' }).click();
  await page.getByRole('link', { name: 'Check out' }).click();
  await pay(page).waitFor();
}

test('she registers, finds, buys, is declined, pays another way, and follows it to her door', async (t) => {
  const { page } = await open(t);
  const word = name('zimbro');
  const tea = await article({ name: `Chá ${word}`, description: 'Dried on the hills.' });
  const staff = await adminToken();

  // She browses as a guest, and finds it by a word without its accent.
  await page.goto('/');
  await page.locator('.grid a').first().waitFor();
  await page.getByRole('searchbox').fill(`cha ${word}`);
  await page.getByRole('search').getByRole('button').click();
  await page.getByRole('heading', { level: 1, name: `“cha ${word}”` }).waitFor();
  await page.getByRole('main').getByRole('link', { name: `Chá ${word}` }).click();
  await page.getByRole('heading', { level: 1, name: `Chá ${word}` }).waitFor();
  assert.equal(await page.title(), `Chá ${word} · Feira`);
  assert.match(await page.getByRole('main').innerText(), /€12\.99[^]*Includes 23 % tax[^]*In stock[^]*Dried on the hills/);

  // Adding needs an account; then it goes on by itself.
  await page.getByLabel('Quantity').fill('2');
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: 'Make an account' }).click();
  const username = name('rita');
  await page.getByLabel('Username').fill('ab');
  await page.getByRole('button', { name: 'Make the account' }).click();
  assert.ok(await page.locator('#f-username:invalid').count(), 'the browser itself says what is wrong');
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('E-mail').fill(`${username}@shop.example`);
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByLabel('First name').fill('Rita');
  await page.getByRole('button', { name: 'Make the account' }).click();
  await page.getByText(`2 × Chá ${word} is in your basket.`).waitFor();
  await page.getByRole('link', { name: /^Basket.* 2$/ }).waitFor();

  // The basket adds up, exactly.
  await page.getByRole('link', { name: 'Go to the basket' }).click();
  await page.getByLabel(`Quantity of Chá ${word}`).fill('3');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: /^Basket.* 3$/ }).waitFor();
  assert.match(await page.locator('.sums').innerText(), /Total\s+€38\.97\s+Tax included\s+€7\.29/);
  await page.getByRole('link', { name: 'Check out' }).click();

  // Her first address, and a card that is declined.
  await fillAddress(page);
  await page.locator('#f-paymentMethod').selectOption('sim_decline');
  await pay(page).click();
  await page.getByText('The payment did not go through.').waitFor();
  await page.getByRole('heading', { name: /Awaiting payment/ }).waitFor();

  // Another card, with a fee that she sees before she pays it.
  await page.getByRole('link', { name: 'Pay another way' }).click();
  await page.getByLabel(/plus €1\.08/).check();
  await page.getByRole('button', { name: 'Pay €40.05' }).waitFor();
  await page.locator('#f-paymentMethod').selectOption('sim_approve');
  await pay(page).click();
  await page.getByText('Thank you: it is paid').waitFor();
  const order = await api('GET', `/v1/orders/${orderId(page)}`, undefined, staff);
  assert.deepEqual(order.total, { currencyCode: 'EUR', units: '40', nanos: 50000000 });
  assert.equal(order.address.recipient, ADDRESS.recipient);

  // Staff ships and delivers: she sees it without doing anything.
  await page.getByText('Live', { exact: true }).waitFor();
  await api('POST', `/v1/orders/${order.id}:ship`, { carrier: 'CTT', trackingCode: 'RR123' }, staff);
  await page.getByText('It is on its way by CTT: RR123').waitFor();
  await api('POST', `/v1/orders/${order.id}:deliver`, {}, staff);
  await page.getByText('It has arrived. Enjoy.').waitFor();
  const steps = await page.locator('.timeline strong').allInnerTexts();
  assert.deepEqual(steps.slice(-3), ['Paid', 'On its way', 'Delivered']);

  await page.getByRole('link', { name: 'Your orders' }).first().click();
  await page.getByRole('link', { name: new RegExp(`Chá ${word}.*Delivered`, 's') }).waitFor();
  await page.goto('/account/purchases');
  await page.getByRole('row', { name: new RegExp(`Chá ${word} 3`) }).waitFor();
});

test('a payment that must be confirmed is confirmed on the page of its provider', async (t) => {
  // The provider's page has no icon of its own.
  const { page, context } = await open(t, { viewport: PHONE, expected: [/favicon\.ico/] });
  const { username } = await shopper();
  const [first, second] = [await article(), await article()];
  await signIn(page, username);
  for (const [bought, answer, seen] of [
    [first, 'Approve', 'Thank you: it is paid'],
    [second, 'Decline', 'The payment did not go through.'],
  ]) {
    await toCheckout(page, bought);
    await page.locator('#f-paymentMethod').selectOption('sim_action');
    await pay(page).click();
    const link = page.getByRole('link', { name: 'Confirm the payment' });
    const [bank] = await Promise.all([context.waitForEvent('page'), link.click()]);
    await bank.getByRole('button', { name: answer }).click();
    await page.getByText(seen).waitFor();
    await bank.close();
  }
});

test('an order that waits is changed, or given up', async (t) => {
  const { page } = await open(t);
  const { username } = await shopper();
  const tea = await article();
  await signIn(page, username);
  await toCheckout(page, tea);
  await page.locator('#f-paymentMethod').selectOption('sim_insufficient');
  await pay(page).click();
  await page.getByText('The payment did not go through. There was not enough money').waitFor();
  await page.getByRole('button', { name: 'Change the order' }).click();
  await page.getByRole('heading', { level: 1, name: 'Basket' }).waitFor();
  await page.getByLabel(`Quantity of ${tea.name}`).fill('4');
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: /^Basket.* 4$/ }).waitFor();
  await page.getByRole('link', { name: 'Check out' }).click();
  await pay(page).click();
  await page.getByText('Thank you: it is paid').waitFor();

  // It is asked whether she means it; the first time she does not.
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  const dialog = page.getByRole('dialog', { name: 'Cancel this order?' });
  await dialog.getByRole('button', { name: 'Keep it as it is' }).click();
  await dialog.waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Cancel the order' }).click();
  await dialog.getByLabel('Why').fill('changed my mind');
  await dialog.getByRole('button', { name: 'Cancel the order' }).click();
  await page.getByRole('heading', { level: 1, name: /Cancelled/ }).waitFor();
  // Soon after the order is cancelled, its stock is free again.
  const available = async () => (await api('GET', `/v1/articles/${tea.id}`)).available;
  const end = Date.now() + 10_000;
  while ((await available()) !== '10' && Date.now() < end) await new Promise((done) => setTimeout(done, 100));
  assert.equal(await available(), '10', 'it went back');
});

test('what happens to an order while its page is loaded is not missed', async (t) => {
  for (const [login, password, where] of [
    [undefined, PASSWORD, '/orders'],
    ['admin', process.env.FEIRA_ADMIN_PASSWORD, '/staff/orders'],
  ]) {
    const { page } = await open(t);
    const { username } = await shopper();
    const token = await tokenOf(username, PASSWORD);
    const { addresses } = await api('GET', '/v1/users/me/addresses', undefined, token);
    await api('POST', '/v1/orders/open/lines', { articleId: (await article()).id, quantity: 1 }, token);
    const body = { addressId: addresses[0].id, paymentMethod: 'sim_decline' };
    const order = await api('POST', '/v1/orders/open:checkout', body, token);
    await signIn(page, login ?? username, password);
    // Between the order and its history: the history has the end of it, so no stream will tell it once more.
    const cancel = async (route) => {
      await api('POST', `/v1/orders/${order.id}:cancel`, {}, token);
      await route.continue();
    };
    await page.route('**/v1/orders/*/events*', cancel, { times: 1 });
    await page.goto(`${where}/${order.id}`);
    await page.getByRole('heading', { level: 1, name: /Cancelled/ }).waitFor();
  }
});

test('what stands in the way of a checkout is named, article by article', async (t) => {
  const { page } = await open(t, { expected: [/400/] });
  const { username } = await shopper();
  const [tea, cup] = [await article({ name: 'Rare tea' }, 3), await article({ name: 'Plain cup' })];
  const staff = await adminToken();
  await signIn(page, username);
  await page.goto(`/articles/${tea.id}`);
  await page.getByText('Only 3 left').waitFor();
  await page.getByLabel('Quantity').fill('3');
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: /^Basket.* 3$/ }).waitFor();
  await toCheckout(page, cup);
  await api('POST', `/v1/articles/${tea.id}/stock:adjust`, { delta: -2, reason: 'STOCK_REASON_WRITTEN_OFF' }, staff);
  await pay(page).click();
  await page.getByText('Rare tea: only 1 left.').waitFor();
  await page.getByText('There is less in stock than you asked for.').waitFor();

  // A price that changes is told, and the new total is what the button says.
  await api('POST', `/v1/articles/${tea.id}/stock:adjust`, { delta: 5, reason: 'STOCK_REASON_RECEIVED' }, staff);
  await api('PATCH', `/v1/articles/${cup.id}`, { price: { currencyCode: 'EUR', units: '20' } }, staff);
  await pay(page).click();
  await page.getByText('A price has changed meanwhile.').waitFor();
  await page.getByRole('button', { name: 'Pay €58.97' }).click();
  await page.getByText('Thank you: it is paid').waitFor();
});

test('she keeps her addresses and her account', async (t) => {
  const { page } = await open(t, { viewport: PHONE, expected: [/400/, /401/, /409/, /412/] });
  const { username, id } = await shopper({});
  const taken = await shopper({});
  await signIn(page, username);
  await page.goto('/account/addresses');
  await page.getByText('None yet').waitFor();
  await page.getByRole('button', { name: 'Add an address' }).click();
  await fillAddress(page);
  await page.getByRole('button', { name: 'Keep' }).click();
  await page.getByText('Rua das Flores 1').waitFor();

  // What only the server knows is said at its field.
  await page.getByRole('button', { name: 'Edit the address of Maria Silva' }).click();
  await page.getByLabel('City').fill('Lisboa');
  await page.getByLabel('Phone').evaluate((input) => input.removeAttribute('pattern'));
  await page.getByLabel('Phone').fill('call me');
  await page.getByRole('button', { name: 'Keep' }).click();
  const phone = page.getByLabel('Phone');
  await page.locator('#f-phone-error:not(:empty)').waitFor();
  assert.equal(await phone.getAttribute('aria-invalid'), 'true');
  assert.ok(await phone.evaluate((input) => input === document.activeElement), 'it has the focus');
  await phone.fill('+351 22 000 0000');
  await page.getByRole('button', { name: 'Keep' }).click();
  await page.getByText('Lisboa').waitFor();
  await page.getByRole('button', { name: 'Remove the address of Maria Silva' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByText('None yet').waitFor();

  await page.goto('/account');
  await page.getByLabel('Username').fill(taken.username);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.locator('#f-username-error', { hasText: 'taken' }).waitFor();
  await page.getByLabel('Username').fill(username);
  await page.getByLabel('Last name').fill('Silva');

  // Somebody else changed it meanwhile: told, and nothing of hers is lost.
  await api('PATCH', `/v1/users/${id}`, { firstName: 'Maria' }, await adminToken());
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Somebody changed this meanwhile.').waitFor();
  assert.equal(await page.getByLabel('Last name').inputValue(), 'Silva');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('Your profile is saved.').waitFor();

  await page.getByRole('navigation', { name: 'Your account' }).getByRole('link', { name: 'Signing in' }).click();
  await page.getByLabel('The one you have').fill(PASSWORD);
  await page.getByLabel('A new one').fill('quite another one');
  await page.getByRole('button', { name: 'Change the password' }).click();
  await page.getByText('Your password is changed').waitFor();
  await page.getByRole('navigation', { name: 'Your account' }).getByRole('link', { name: 'Profile' }).click();
  await page.getByRole('button', { name: 'Delete the account' }).click();
  const dialog = page.getByRole('dialog', { name: 'Delete your account?' });
  await dialog.getByLabel('Username').fill(username);
  await dialog.getByRole('button', { name: 'Delete the account' }).click();
  await page.getByText('Your account is deleted.').waitFor();
  await page.getByRole('link', { name: 'Sign in' }).waitFor();
  await signInFails(page, username);
});

async function signInFails(page, username) {
  await page.goto('/sign-in');
  await page.getByLabel('Username or e-mail').fill(username);
  await page.getByLabel('Password').fill('quite another one');
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('do not fit together').waitFor();
}

test('what she sees is in the address: filters, pages, and the way back', async (t) => {
  const { page } = await open(t);
  const category = name('Stall ');
  const price = (units) => ({ currencyCode: 'EUR', units: String(units) });
  for (let number = 1; number <= 26; number += 1) {
    await article({ name: `Jar ${String(number).padStart(2, '0')}`, category, price: price(number) }, number === 26 ? 0 : 1);
  }
  await page.goto(`/?category=${encodeURIComponent(category)}&sort=price`);
  await page.locator('.grid li').nth(23).waitFor();
  assert.equal(await page.locator('.grid .name').first().innerText(), 'Jar 01');
  await page.getByRole('button', { name: 'Show more' }).click();
  await page.locator('.grid li').nth(25).waitFor();
  assert.equal(await page.locator('.grid li').count(), 26);
  assert.ok(await page.getByRole('link', { name: 'Jar 25' }).evaluate((link) => link === document.activeElement));
  await page.getByText('Sold out').waitFor();

  // Back from an article, the list is as long and as far down as it was.
  await page.getByRole('link', { name: 'Jar 25' }).click();
  await page.getByRole('heading', { level: 1, name: 'Jar 25' }).waitFor();
  await page.goBack();
  await page.locator('.grid li').nth(25).waitFor();
  assert.ok((await page.evaluate(() => scrollY)) > 300);

  await page.getByLabel('In stock').check();
  await page.getByText('Sold out').waitFor({ state: 'detached' });
  await page.getByLabel('From').fill('3');
  await page.getByLabel('to', { exact: true }).fill('4,00');
  await page.getByRole('button', { name: 'Apply' }).click();
  await page.locator('.grid li').nth(2).waitFor({ state: 'detached' });
  assert.deepEqual(await page.locator('.grid .name').allInnerTexts(), ['Jar 03', 'Jar 04']);
  await page.reload();
  await settled(page);
  assert.deepEqual(await page.locator('.grid .name').allInnerTexts(), ['Jar 03', 'Jar 04']);
  await page.getByRole('searchbox').fill('nothing is called so');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
});

test('by the keyboard alone she gets from the front to a paid order', async (t) => {
  const { page } = await open(t, { viewport: DESK });
  const { username } = await shopper();
  const word = name('louro');
  await article({ name: `Bay ${word}` });
  const focused = () => page.evaluate(() => {
    const element = document.activeElement;
    return `${element.ariaLabel ?? ''} ${element.labels?.[0]?.innerText ?? ''} ${element.innerText ?? ''}`.replace(/\s+/g, ' ').trim();
  });
  const tabTo = async (text) => {
    for (let presses = 0; presses < 120; presses += 1) {
      if ((await focused()).startsWith(text)) return;
      await page.keyboard.press('Tab');
    }
    assert.fail(`nothing is reached by Tab that begins with ${text}`);
  };
  await page.goto('/');
  await settled(page);
  await page.keyboard.press('Tab');
  assert.equal(await focused(), 'To what this page is about', 'a way past the header comes first');
  const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.equal(outline, 'solid', 'one sees where one is');
  await tabTo('Search the shop');
  await page.keyboard.type(word);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: word }).waitFor();
  await tabTo(`Bay ${word}`);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: `Bay ${word}` }).waitFor();
  assert.equal(await focused(), `Bay ${word}`, 'the focus goes on where the new page begins');
  await tabTo('Quantity');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor();
  await tabTo('Username or e-mail');
  await page.keyboard.type(username);
  await page.keyboard.press('Tab');
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('link', { name: 'Go to the basket' }).waitFor();
  await tabTo('Go to the basket');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { level: 1, name: 'Basket' }).waitFor();
  await tabTo('Check out');
  await page.keyboard.press('Enter');
  await pay(page).waitFor();
  await tabTo('Pay €12.99');
  await page.keyboard.press('Enter');
  await page.getByText('Thank you: it is paid').waitFor();

  // The menu opens and closes by keys, and gives the focus back.
  await tabTo(username);
  await page.keyboard.press('Enter');
  await tabTo('Your orders');
  await page.keyboard.press('Escape');
  assert.equal(await focused(), username);
});
