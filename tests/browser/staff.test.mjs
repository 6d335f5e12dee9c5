// The staff's journey, as they click it.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { ADDRESS, PASSWORD, PHONE, adminToken, api, article, name, open, settled, shopper, signIn, tokenOf } from './support.mjs';

const { FEIRA_ADMIN_PASSWORD } = process.env;
const asAdmin = (page) => signIn(page, 'admin', FEIRA_ADMIN_PASSWORD);
const asStaff = (method, path, body) => adminToken().then((token) => api(method, path, body, token));
const eur = (units, nanos = 0) => ({ currencyCode: 'EUR', units: String(units), nanos });
const h1 = (page, text) => page.getByRole('heading', { level: 1, name: text }).waitFor();
const click = (place, text, role = 'button') => place.getByRole(role, { name: text, exact: true }).click();

/** Orders that a shopper places by the API. */
async function orders(username, ...all) {
  const token = await tokenOf(username, PASSWORD);
  const made = [];
  for (const lines of all) made.push(await api('POST', '/v1/orders', { lines, address: ADDRESS }, token));
  return made;
}
const line = ({ id }, quantity = 1) => ({ articleId: id, quantity });

test('a new article is made with its picture, stocked, and seen in the shop', async (t) => {
  const { page } = await open(t, { expected: [/400|409/] });
  const code = name('CHA-');
  const word = name('carqueja');
  await asAdmin(page);
  await click(page, 'Staff', 'link');
  await h1(page, 'Today');
  await click(page.getByRole('navigation', { name: 'Staff' }), 'Articles', 'link');
  await click(page, 'New article', 'link');
  await page.getByLabel('Name').fill(`Tea of ${word}`);
  await page.getByLabel('Code').fill(code);
  await page.getByLabel('For sale').check();
  await page.getByLabel(/^Price/).fill('12,505');
  const picture = { name: 'tea.png', mimeType: 'image/png', buffer: await page.screenshot({ clip: { x: 0, y: 0, width: 400, height: 300 } }) };
  await page.getByLabel('Picture').setInputFiles(picture);
  await page.getByRole('img', { name: 'The chosen picture' }).waitFor();
  await click(page, 'Make the article');
  // Nobody pays half a cent.
  await page.locator('#f-price-error', { hasText: 'amount in EUR' }).waitFor();
  await page.getByLabel(/^Price/).fill('12,50');
  await click(page, 'Make the article');
  await h1(page, `Tea of ${word}`);
  const id = page.url().match(/art_\w+/)[0];
  const made = await api('GET', `/v1/articles/${id}`);
  assert.deepEqual([made.price, made.code, made.available], [eur(12, 500_000_000), code, '0']);
  assert.match(made.imageUrl, /^\/v1\/articles\/art_/);

  // Stock comes in, and what is not there cannot be written off.
  await click(page, 'Receive, correct, movements', 'link');
  const move = async (reason, units) => {
    await page.getByLabel('Why').selectOption({ label: reason });
    await page.getByLabel('Units').fill(units);
    await click(page, 'Note it');
  };
  await move('Received', '7');
  await page.getByText('Noted. 7 are free now.').waitFor();
  await move('Written off', '8');
  await page.locator('#f-delta-error', { hasText: 'must be 7 or fewer' }).waitFor();
  await page.getByLabel('Note').fill('fell down');
  await move('Written off', '2');
  await page.getByRole('row', { name: /Written off\s+fell down −2 .*you/ }).waitFor();
  await page.getByRole('row', { name: /Received \+7/ }).waitFor();
  assert.match(await page.locator('.figures').innerText(), /Free running low\s+5\s+Reserved\s+0\s+Sold\s+0/);

  // It runs low: it is on the list until more has come.
  await click(page.getByRole('navigation', { name: 'Staff' }), 'Stock', 'link');
  await page.locator('#f-q').fill(word);
  await click(page, 'Show');
  await page.getByRole('row', { name: new RegExp(`${code} 5 5`) }).waitFor();
  await click(page, `Receive… Tea of ${word}`);
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Units').fill('3');
  await click(dialog, 'Note it');
  await page.getByText(`8 of Tea of ${word} are free now.`).waitFor();
  await page.getByRole('heading', { name: 'Nothing fits' }).waitFor();

  const guest = await open(t);
  await guest.page.goto(`/?q=${word}`);
  await guest.page.getByRole('main').getByRole('link', { name: `Tea of ${word}` }).click();
  await h1(guest.page, `Tea of ${word}`);
  await guest.page.getByText('In stock').waitFor();
  await guest.page.waitForFunction(() => document.querySelector('.article img')?.naturalWidth === 400);

  // Two edit it at the same time: both versions are shown, and the second decides.
  await page.goto(`/staff/articles/${id}`);
  await page.getByLabel('Category').fill('Tea');
  await page.getByLabel('Name').fill(`Herb of ${word}`);
  await asStaff('PATCH', `/v1/articles/${id}`, { name: `Leaf of ${word}` });
  await click(page, 'Save');
  await page.getByRole('row', { name: `Name Leaf of ${word} Herb of ${word}` }).waitFor();
  assert.equal((await api('GET', `/v1/articles/${id}`)).name, `Leaf of ${word}`, 'nothing is overwritten unasked');
  await click(page, 'Save');
  await h1(page, `Herb of ${word}`);
  await page.getByLabel('Name').fill('something else');
  await asStaff('PATCH', `/v1/articles/${id}`, { name: `Bud of ${word}` });
  await click(page, 'Save');
  await click(page, 'Take what is saved now');
  assert.equal(await page.getByLabel('Name').inputValue(), `Bud of ${word}`);

  // Blanks are kept as they were written; forints have two decimals here as in the API, whatever is paid in cash.
  const blanks = '\u3000double  blanks\n\u3000and\u3000wide ones ';
  await asStaff('PATCH', `/v1/articles/${id}`, { description: blanks, price: { currencyCode: 'HUF', units: '1234', nanos: 500_000_000 } });
  await page.goto(`/staff/articles/${id}`);
  assert.equal(await page.getByLabel(/^Price/).inputValue(), '1234.50');
  await page.getByLabel('Category').fill('Leaves');
  await click(page, 'Save');
  await page.getByText('The article is saved.').first().waitFor();
  const kept = await api('GET', `/v1/articles/${id}`);
  assert.deepEqual([kept.description, kept.category], [blanks, 'Leaves']);
  await guest.page.goto(`/?q=${word}`);
  await guest.page.getByText(/1,234\.50/).first().waitFor();
  await page.getByLabel(/^Price/).fill('1.5');
  await click(page, 'Save');
  await page.waitForFunction(async (path) => (await (await fetch(path)).json()).price.units === '1', `/v1/articles/${id}`);
  await asStaff('PATCH', `/v1/articles/${id}`, { category: 'Tea' });
  await page.reload();

  // Off sale, its picture is shown to staff still; then it is deleted for good.
  await page.getByLabel('For sale').uncheck();
  await click(page, 'Save');
  await page.getByText('The article is saved.').first().waitFor();
  assert.deepEqual(await asStaff('GET', `/v1/articles/${id}`).then(({ active, category }) => [active, category]), [false, 'Tea']);
  await page.reload();
  await page.waitForFunction(() => document.querySelector('.panel .picture img')?.naturalWidth === 400);
  await click(page, 'Delete the article');
  await click(dialog, 'Delete the article');
  await page.getByText('The article is deleted.').waitFor();
  await assert.rejects(asStaff('GET', `/v1/articles/${id}`), /404/);
});

test('an order is shipped and delivered, another refunded in part and cancelled', async (t) => {
  const { page } = await open(t, { expected: [/400|409/] });
  const { username, id: userId } = await shopper();
  const tea = await article({ name: 'Tea for orders' });
  const [first, second, third] = await orders(username, [line(tea, 2)], [line(tea)], [line(tea)]);
  await asAdmin(page);

  // Found by whose it is, and by its state.
  await page.goto('/staff/orders');
  await page.getByText('More filters').click();
  await page.getByLabel('Customer').fill(username);
  await page.getByLabel('State').selectOption({ label: 'Paid, to be shipped' });
  const rows = page.getByRole('rowheader');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 3);
  await page.getByLabel('Total from').fill('20');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await page.waitForURL(new RegExp(`state=PAID&customer=${username}&min=20`));
  await rows.getByRole('link').click();
  await h1(page, /Paid$/);
  assert.equal(page.url().match(/ord_\w+/)[0], first.id);
  await page.getByText('Live', { exact: true }).waitFor();

  const dialog = page.getByRole('dialog');
  await click(page, 'Ship…');
  await dialog.getByLabel('Carrier').fill('CTT');
  await dialog.getByLabel('Tracking code').fill('RR 123');
  await click(dialog, 'It is on its way');
  await h1(page, /On its way$/);
  assert.equal(await page.getByRole('button', { name: 'Cancel…' }).count(), 0, 'what the state forbids is not offered');
  await click(page, 'Delivered…');
  await click(dialog, 'It has arrived');
  await h1(page, /Delivered$/);
  const steps = await page.locator('.timeline strong').allInnerTexts();
  assert.deepEqual(steps.slice(-3), ['Paid', 'On its way', 'Delivered']);
  const done = await asStaff('GET', `/v1/orders/${first.id}`);
  assert.deepEqual([done.state, done.carrier, done.trackingCode], ['ORDER_STATE_DELIVERED', 'CTT', 'RR 123']);

  // Some of the money goes back, exactly, and never more than there is.
  await page.goto(`/staff/orders/${second.id}`);
  await click(page, 'Refund…');
  await dialog.getByLabel('Amount in EUR').fill('13');
  await click(dialog, 'Give it back');
  await dialog.getByText('Must be €12.99 or less').waitFor();
  await dialog.getByLabel('Amount in EUR').fill('2,49');
  await dialog.getByLabel('Why').fill('a dent');
  await click(dialog, 'Give it back');
  await page.getByText('€2.49 was given back.').first().waitFor();
  const payment = await asStaff('GET', `/v1/payments/${second.paymentId}`);
  assert.deepEqual([payment.state, payment.refunded], ['PAYMENT_STATE_PARTIALLY_REFUNDED', eur(2, 490_000_000)]);
  await click(page, 'Cancel…');
  await dialog.getByLabel('Why').fill('Broken on the way');
  await click(dialog, 'Cancel the order');
  await h1(page, /Cancelled/);
  await page.getByText('Broken on the way').waitFor();
  await page.locator('.badge', { hasText: /^Refunded$/ }).first().waitFor();

  // Its ledger sums to zero, and says what went where.
  await click(page, second.paymentId.slice(-8).toUpperCase(), 'link');
  await page.getByRole('row', { name: /€2\.49 Given back a dent/ }).waitFor();
  await page.goto(`/staff/ledger?payment=${second.paymentId}`);
  await page.getByRole('row', { name: /Customers Capture .* -€12\.99/ }).waitFor();
  await click(page, 'Add up all pages');
  const sheet = page.getByRole('region', { name: 'On all pages' });
  assert.match(await sheet.innerText(), /Customers\s+€0\.00\s+Provider simulated\s+€0\.00\s+Together\s+€0\.00/);

  // Somebody else is quicker: told, and shown as it stands now.
  await page.goto(`/staff/orders/${third.id}`);
  await click(page, 'Ship…');
  await asStaff('POST', `/v1/orders/${third.id}:cancel`, { reason: 'no longer wanted' });
  await page.locator('h1', { hasText: 'Cancelled' }).waitFor();
  await click(dialog, 'It is on its way');
  await page.locator('.toast.bad').waitFor();
  await h1(page, /Cancelled/);
  assert.equal(await page.getByRole('button', { name: 'Ship…' }).count(), 0);

  await page.goto(`/staff/users/${userId}`);
  await page.getByRole('row', { name: /1 × Tea for orders .* Cancelled €12\.99/ }).first().waitFor();
  await page.goto(`/staff/orders?customer=${username}`);
  const [file] = await Promise.all([page.waitForEvent('download'), click(page, 'Export')]);
  const text = await readFile(await file.path(), 'utf8');
  assert.deepEqual([first, second, third].map(({ id }) => text.includes(id)), [true, true, true]);
});

test('staff change a basket’s total, and a discount takes no more than there is', async (t) => {
  const { page } = await open(t);
  const { username } = await shopper();
  const token = await tokenOf(username, PASSWORD);
  const tea = await article({ name: 'Tea for a basket' });
  const basket = await api('POST', '/v1/orders/open/lines', { articleId: tea.id, quantity: 2 }, token);
  await asAdmin(page);
  await page.goto(`/staff/orders/${basket.id}`);
  await click(page, 'Add shipping, fee or discount…');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('What the customer reads').fill('For a friend');
  await dialog.getByLabel('Amount in EUR').fill('100');
  await click(dialog, 'Change it');
  await page.locator('.sums .all', { hasText: '€0.00' }).waitFor();
  assert.deepEqual((await api('GET', '/v1/orders/open', undefined, token)).total, eur(0));
  await click(page, 'Take “For a friend” out');
  await click(dialog, 'Take it out');
  await page.locator('.sums .all', { hasText: '€25.98' }).waitFor();
});

test('many articles come from a file, and go into one', async (t) => {
  const { page } = await open(t, { expected: [/400/] });
  const [good, bad] = [name('IMP-'), name('IMP-')];
  await asAdmin(page);
  await page.goto('/staff/articles/import');
  const table = `code,name,price.amount,price.currencyCode,active,received\n${good},Imported ${good},3.20,EUR,true,4\n${bad},,1,EUR,true,\n${good}-2,x,1.250,EUR,true,\n`;
  const file = { name: 'articles.csv', mimeType: 'application/vnd.ms-excel', buffer: Buffer.from(table) };
  await page.getByLabel('File').setInputFiles({ ...file, name: 'articles.xls' });
  await click(page, 'Bring it in');
  await page.locator('#f-file-error', { hasText: 'end in .csv' }).waitFor();
  await page.getByLabel('File').setInputFiles(file);
  await click(page, 'Bring it in');
  await page.getByRole('row', { name: new RegExp(`Row 2 ${bad} name`) }).waitFor();
  await page.getByRole('row', { name: /Row 3 .*price.amount .*thousands separator/ }).waitFor();
  assert.match(await page.locator('#outcome').innerText(), /New\s+1\s+Changed\s+0\s+As they were\s+0\s+Failed\s+2/);
  await page.goto(`/staff/articles?q=${good}`);
  await page.getByRole('row', { name: new RegExp(`${good} €3\\.20 4 For sale`) }).waitFor();
  const [saved] = await Promise.all([page.waitForEvent('download'), click(page, 'Export')]);
  const lines = (await readFile(await saved.path(), 'utf8')).trim().split('\r\n');
  assert.equal(lines.length, 2, 'what the filters leave');
  assert.match(lines[1], new RegExp(`,${good},.*,3\\.20?,EUR,`));
});

test('lists have pages, which the address keeps', async (t) => {
  const { page } = await open(t);
  const category = name('Shelf ');
  const jar = (number) => `${category} jar ${number}`;
  for (let number = 11; number <= 37; number += 1) await article({ name: jar(number), category }, 0);
  await asAdmin(page);
  await page.goto('/staff/articles?sort=name');
  await page.getByLabel('Category').fill(category);
  await page.keyboard.press('Enter');
  await page.getByText(jar(35)).waitFor();
  await click(page, 'Next', 'link');
  await page.getByText(jar(36)).waitFor();
  const names = () => page.locator('tbody .whole').allInnerTexts();
  assert.deepEqual(await names(), [jar(36), jar(37)]);
  await page.reload();
  await settled(page);
  assert.deepEqual(await names(), [jar(36), jar(37)], 'anew, without what was remembered');
  await page.getByText(jar(37)).click();
  await h1(page, jar(37));
  await page.goBack();
  await page.getByText(jar(36)).waitFor();
  await click(page, 'Previous', 'link');
  await page.getByText(jar(35)).waitFor();
  assert.equal((await names()).length, 25);
});

test('roles are given and taken, and access ends at once', async (t) => {
  const { page } = await open(t, { expected: [/400|401/] });
  const ana = await shopper();
  await asAdmin(page);
  await page.goto('/staff/users');
  await page.locator('#f-q').fill(ana.username);
  await page.keyboard.press('Enter');
  await page.getByRole('main').getByRole('link', { name: ana.username }).click();
  await h1(page, ana.username);
  await page.getByRole('checkbox', { name: 'Staff' }).check();
  await click(page, 'Set the roles');
  await page.getByText(`${ana.username} now has these roles.`).waitFor();
  assert.deepEqual((await asStaff('GET', `/v1/users/${ana.id}`)).roles, ['ROLE_CUSTOMER', 'ROLE_STAFF']);

  // She sees the pages now, but nothing that is for administrators.
  const hers = await open(t, { expected: [/401/], viewport: PHONE });
  await signIn(hers.page, ana.username);
  await hers.page.goto(`/staff/users/${ana.id}`);
  await h1(hers.page, ana.username);
  await settled(hers.page);
  for (const text of ['Set the roles', 'Lock out…']) assert.equal(await hers.page.getByRole('button', { name: text }).count(), 0, text);

  await click(page, 'Lock out…');
  await click(page.getByRole('dialog'), 'Lock the account');
  await page.getByText('Locked out', { exact: true }).waitFor();
  await click(hers.page.getByRole('navigation', { name: 'Staff' }), 'Orders', 'link');
  await h1(hers.page, 'Sign in');
  await hers.page.getByText('Your sign-in has ended.').waitFor();
  await click(page, 'Let in again');
  await page.getByText(`${ana.username} can sign in again.`).waitFor();
  await hers.page.getByLabel('Username or e-mail').fill(ana.username);
  await hers.page.getByLabel('Password').fill(PASSWORD);
  await click(hers.page.getByRole('main'), 'Sign in');
  await h1(hers.page, 'Orders');

  // The last administrator stays one.
  const { users } = await asStaff('GET', '/v1/users?query=admin&role=ROLE_ADMIN');
  await page.goto(`/staff/users/${users.find(({ username }) => username === 'admin').id}`);
  await page.getByRole('checkbox', { name: 'Administrator' }).uncheck();
  await click(page, 'Set the roles');
  await click(page.getByRole('dialog'), 'Stop being one');
  await page.getByText('Make somebody else an administrator first.').waitFor();
});

test('what runs is shown and stays up to date, and everything adds up', async (t) => {
  const { page } = await open(t);
  await asAdmin(page);
  await page.goto('/staff/instances');
  for (const role of ['user', 'article', 'order', 'payment', 'mesh', 'gateway']) {
    await page.getByRole('row', { name: new RegExp(`^${role} Healthy`) }).waitFor();
  }
  assert.match(await page.getByRole('row', { name: /^order Healthy/ }).innerText(), /SQLite/);
  const tasks = page.getByRole('table', { name: 'Background tasks' });
  await tasks.getByRole('row', { name: /^order\.sweep .* ago/ }).waitFor();
  await tasks.getByRole('row', { name: /^order\.feed\.payment/ }).waitFor();
  await page.waitForResponse(/\/v1\/instances/, { timeout: 8000 });
  await page.goto('/staff/audit');
  await click(page, 'Check now');
  await page.getByText('Everything adds up.').waitFor();
  assert.match(await page.locator('#result .facts').innerText(), /Looked at\s+[1-9]/);
});

test('staff pages are for staff', async (t) => {
  const { page } = await open(t);
  const { username } = await shopper();
  await page.goto('/staff/orders');
  await h1(page, 'Sign in');
  const loaded = [];
  page.on('request', (request) => loaded.push(request.url()));
  await signIn(page, username);
  await page.goto('/staff/orders');
  await h1(page, 'This is for staff');
  assert.equal(await page.getByRole('link', { name: 'Staff' }).count(), 0);
  assert.deepEqual(loaded.filter((url) => url.includes('/staff/') && url.includes('.js')), [], 'shoppers do not load them');

  const staff = await open(t, { expected: [/INTERNET_DISCONNECTED/] });
  await asAdmin(staff.page);
  await staff.page.goto('/staff');
  await settled(staff.page);
  await staff.page.goto('/staff/users');
  await staff.page.getByRole('table').waitFor();
  await staff.context.setOffline(true);
  await staff.page.getByLabel('Role').selectOption({ label: 'Staff' });
  await staff.page.getByText('The shop cannot be reached.').waitFor();
  await staff.context.setOffline(false);
  await click(staff.page, 'Show');
  await staff.page.waitForURL(/role=ROLE_STAFF/);
});

test('an order is found by its number, its customer, or its tracking code; what waits longest comes first', async (t) => {
  const { page } = await open(t);
  const { username } = await shopper({ address: ADDRESS, firstName: 'Zulmira', lastName: name('Käsebier') });
  const tea = await article({ name: 'Tea to be found' }, 40);
  const [first, second] = await orders(username, [line(tea)], [line(tea)]);
  assert.equal(first.number, first.id.slice(-8).toUpperCase());
  const tracking = name('RR-');
  await asStaff('POST', `/v1/orders/${second.id}:ship`, { trackingCode: tracking });
  await asAdmin(page);
  await page.goto('/staff/payments');
  await page.getByRole('searchbox', { name: 'Find an order' }).fill(first.number.toLowerCase());
  await page.keyboard.press('Enter');
  const rows = page.getByRole('rowheader');
  const found = async (expected) => {
    await page.waitForFunction((count) => document.querySelectorAll('tbody tr').length === count, expected.length);
    for (const { number } of expected) await page.getByRole('link', { name: number, exact: true }).waitFor();
  };
  await found([first]);
  const search = async (text) => {
    await page.locator('#f-q').fill(text);
    await click(page, 'Show');
    await page.waitForURL((url) => url.searchParams.get('q') === text);
  };
  await search(username.toUpperCase());
  await found([first, second]);
  await search(tracking.replace('-', '').toLowerCase());
  await found([second]);
  await search('nobody-is-called-so');
  await page.getByRole('heading', { name: 'No such orders' }).waitFor();

  // What is to be shipped: all are counted, the oldest is the first.
  const { count } = await asStaff('GET', '/v1/orders:count?state=ORDER_STATE_PAID');
  const { orders: due } = await asStaff('GET', '/v1/orders?state=ORDER_STATE_PAID&orderBy=place_time&pageSize=5');
  await page.goto('/staff');
  const card = page.locator('.today-card', { hasText: 'To ship' });
  await card.getByRole('link', { name: due[0].number }).waitFor();
  assert.match(await card.locator('li').first().innerText(), new RegExp(due[0].number));
  assert.ok(Number(await card.locator('.tally').innerText()) >= Number(count) - 3, 'how many there are');
  await card.getByRole('link', { name: 'To ship' }).click();
  await page.getByText(/^\d+ in all$/).waitFor();
  assert.match(await rows.first().innerText(), new RegExp(due[0].number));

  // Ten others begin so: who is called exactly so is meant.
  for (let number = 0; number < 10; number += 1) {
    await api('POST', '/v1/users', { username: `${username}-${number}`, email: `${username}-${number}@shop.example`, password: PASSWORD });
  }
  await page.goto(`/staff/orders?customer=${username}`);
  await found([first, second]);
  await page.goto(`/staff/orders?q=${username}`);
  await found([first, second]);
});
