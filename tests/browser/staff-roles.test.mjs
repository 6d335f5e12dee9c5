// Who is staff, and what they may: roles of some permissions, made and given; and what administrators do about accounts.
//
// Covers: user.roles, user.permissions, user.sessions, user.audit-log.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { ADDRESS, PASSWORD, accessible, adminToken, api, article, codeOf, name, open, settled, shopper, signIn, tokenOf } from './support.mjs';

const asAdmin = (page) => signIn(page, 'admin', process.env.FEIRA_ADMIN_PASSWORD);
const asStaff = (method, path, body) => adminToken().then((token) => api(method, path, body, token));
const click = (place, text, role = 'button') => place.getByRole(role, { name: text, exact: true }).click();
const h1 = (page, text) => page.getByRole('heading', { level: 1, name: text }).waitFor();
const sections = (page) => page.getByRole('navigation', { name: 'Staff' }).getByRole('link').allInnerTexts();
const EVERY = ['Today', 'Orders', 'Articles', 'Stock', 'Payments', 'Ledger', 'Users', 'Roles', 'Instances', 'Webhooks', 'Audit', 'Audit log'];

/** Somebody with a role of these permissions. */
async function colleague(...permissions) {
  const user = await shopper();
  const role = await asStaff('POST', '/v1/roles', { name: name('role'), permissions });
  await asStaff('POST', `/v1/users/${user.id}:setRoles`, { roleIds: [role.id] });
  return { ...user, role };
}

/** An order that a shopper has paid. */
async function sale() {
  const customer = await shopper();
  const tea = await article({ name: 'Tea for roles' });
  const token = await tokenOf(customer.username, PASSWORD);
  const order = await api('POST', '/v1/orders', { lines: [{ articleId: tea.id, quantity: 1 }], address: ADDRESS }, token);
  return { customer, tea, order };
}

test('a role is made of permissions, given to somebody, changed, and taken away', async (t) => {
  const { page } = await open(t, { expected: [/400|401|403|409/] });
  const ana = await shopper();
  const roleName = name('warehouse');
  await asAdmin(page);
  await page.goto('/staff');
  await h1(page, 'Today');
  assert.deepEqual(await sections(page), EVERY);
  await click(page.getByRole('navigation', { name: 'Staff' }), 'Roles', 'link');
  await page.getByRole('row', { name: /^Administrator always there Articles Stock Orders/ }).waitFor();
  await accessible(page, 'roles');
  await click(page, 'New role', 'link');
  await page.getByLabel('Name').fill('Staff');
  await page.getByRole('checkbox', { name: /^Stock/ }).check();
  await accessible(page, 'a new role');
  await click(page, 'Make the role');
  await page.locator('#f-name-error', { hasText: 'taken' }).waitFor();
  await page.getByLabel('Name').fill(roleName);
  await click(page, 'Make the role');
  await page.getByText(`${roleName} is made.`).waitFor();
  await page.getByRole('row', { name: new RegExp(`^${roleName} Stock$`) }).waitFor();

  await page.goto(`/staff/users/${ana.id}`);
  await page.getByRole('checkbox', { name: 'Customer' }).uncheck();
  await click(page, 'Set the roles');
  await page.getByText('choose one at least').waitFor();
  await page.getByLabel('A role of this shop').selectOption({ label: roleName });
  await accessible(page, 'a user whose roles are set');
  await click(page, 'Set the roles');
  await page.getByText(`${ana.username} now has these roles.`).waitFor();
  const { roles, roleIds: [id] } = await asStaff('GET', `/v1/users/${ana.id}`);
  assert.deepEqual(roles, []);

  // She sees what it is for. What it is for besides, she sees as soon as it is.
  const hers = await open(t, { expected: [/401|403/] });
  await signIn(hers.page, ana.username);
  await click(hers.page, 'Staff', 'link');
  await h1(hers.page, 'Today');
  assert.deepEqual(await sections(hers.page), ['Today', 'Articles', 'Stock']);
  await page.goto(`/staff/roles/${id}`);
  await page.getByRole('checkbox', { name: /^Operations/ }).check();
  await accessible(page, 'a role');
  await click(page, 'Save');
  await page.getByText('The role is saved.').waitFor();
  // The call after it is refused, and finds out.
  await click(hers.page.getByRole('navigation', { name: 'Staff' }), 'Stock', 'link');
  await hers.page.getByRole('navigation', { name: 'Staff' }).getByRole('link', { name: 'Instances' }).waitFor();
  assert.deepEqual(await sections(hers.page), ['Today', 'Articles', 'Stock', 'Instances', 'Webhooks', 'Audit']);

  await click(page, 'Delete…');
  await click(page.getByRole('dialog'), 'Delete the role');
  await page.getByText(`${roleName} is deleted.`).waitFor();
  await hers.page.goto('/staff/stock');
  await hers.page.getByRole('heading', { level: 1, name: 'This is for staff' }).waitFor();
  assert.equal(await hers.page.getByRole('link', { name: 'Staff', exact: true }).count(), 0);
});

test('who has only a role of this shop sees what it allows, and nothing else', async (t) => {
  const { customer, tea, order } = await sale();
  const [orderPage, articlePage, userPage] = [`/staff/orders/${order.id}`, `/staff/articles/${tea.id}`, `/staff/users/${customer.id}`];
  const paymentPage = `/staff/payments/${order.paymentId}`;
  const { users } = await asStaff('GET', '/v1/users?query=admin&role=ROLE_ADMIN');
  const adminPage = `/staff/users/${users.find(({ username }) => username === 'admin').id}`;
  const shown = {
    fulfilment: [['Orders', 'Articles', 'Stock', 'Payments'], { [orderPage]: ['Cancel…', 'Ship…'], [articlePage]: [], [`${articlePage}/stock`]: [], [paymentPage]: [] }],
    stock: [['Articles', 'Stock'], { [`${articlePage}/stock`]: ['Note it'], [articlePage]: [] }],
    catalogue: [['Articles', 'Stock'], { [articlePage]: ['Save', 'Use this picture', 'Delete the article'], [`${articlePage}/stock`]: [] }],
    adjustments: [['Orders'], { [orderPage]: [] }],
    refunds: [['Orders', 'Payments'], { [orderPage]: ['Refund…'], [paymentPage]: ['Refund…'] }],
    payments: [['Orders', 'Payments', 'Ledger'], { [paymentPage]: [] }],
    customers: [['Orders', 'Payments', 'Users'], { [userPage]: [/^End /, 'End all…', 'Download all that is held', 'Erase…'], [adminPage]: [], [orderPage]: [] }],
    staff: [['Users', 'Roles', 'Audit log'], { [userPage]: ['Set the roles', 'Lock out…', /^End /, 'End all…', 'Erase…'], [adminPage]: ['Set the roles'] }],
    reports: [['Orders', 'Articles', 'Stock', 'Payments', 'Ledger'], { [orderPage]: [], [`${articlePage}/stock`]: [], '/staff/orders': ['Show', 'Export'] }],
    operations: [['Instances', 'Webhooks', 'Audit'], { '/staff/audit': ['Check now'] }],
  };
  for (const [permission, [places, pages]] of Object.entries(shown)) {
    const user = await colleague(permission);
    // A page that asks for what its user may not see would show an error, and log one.
    const { page, context } = await open(t);
    await signIn(page, user.username);
    await click(page, 'Staff', 'link');
    await h1(page, 'Today');
    await settled(page);
    assert.deepEqual(await sections(page), ['Today', ...places], permission);
    for (const place of places) {
      await click(page.getByRole('navigation', { name: 'Staff' }), place, 'link');
      await h1(page, place);
      await settled(page);
    }
    for (const [path, buttons] of Object.entries(pages)) {
      await page.goto(path);
      await page.locator('.staff h1').waitFor();
      await settled(page);
      // What is asked for behind the first view, too; an order's stream stays open.
      if (path === orderPage) await page.locator('.timeline li').first().waitFor();
      else await page.waitForLoadState('networkidle');
      assert.equal(await page.getByRole('alert').count(), 0, `${permission}: ${path}`);
      const there = await page.locator('.staff > :not(.finder) button, .staff > .head button').allInnerTexts();
      const where = `${permission}: ${path}: ${there.join(', ')}`;
      assert.equal(there.length, buttons.length, where);
      for (const button of buttons) assert.ok(there.some((text) => (button instanceof RegExp ? button.test(text) : text === button)), `${where} has ${button}`);
    }
    // What is not shown is not to be had by its address either.
    for (const [path, place] of [['/staff/users', 'Users'], ['/staff/ledger', 'Ledger'], ['/staff/orders', 'Orders'], ['/staff/roles', 'Roles'], ['/staff/instances', 'Instances']]) {
      if (places.includes(place)) continue;
      await page.goto(path);
      await h1(page, 'This is not for your role');
    }
    if (permission === 'stock') await accessible(page, 'what is not for a role');
    await context.close();
  }
});

test('what the pages think a call takes is what the contract says', () => {
  const source = readFileSync(new URL('../../gateway/web/staff/rights.js', import.meta.url), 'utf8');
  const lists = Object.fromEntries([...source.matchAll(/const ([A-Z]+) = (\[.*?\]);/gs)].map(([, list, text]) => [list, JSON.parse(text.replaceAll("'", '"'))]));
  const needed = [...source.matchAll(/^ {2}(\w+): (.+),$/gm)].map(([, rpc, text]) => [rpc, lists[text] ?? JSON.parse(text.replaceAll("'", '"'))]);
  assert.ok(needed.length > 30, `${needed.length} calls`);
  const folder = new URL('../../proto/feira/', import.meta.url);
  const files = readdirSync(folder, { recursive: true }).filter((file) => file.endsWith('.proto'));
  const contract = new Map();
  for (const file of files) {
    const text = readFileSync(new URL(file, folder), 'utf8');
    for (const [, rpc, body] of text.matchAll(/^ {2}rpc (\w+)\((.*?)^ {2}\}$/gms)) {
      const list = body.match(/permissions: \[([^\]]*)\]/)?.[1] ?? '';
      contract.set(rpc, [...list.matchAll(/PERMISSION_(\w+)/g)].map(([, one]) => one.toLowerCase()));
    }
  }
  for (const [rpc, permissions] of needed) assert.deepEqual(permissions.toSorted(), contract.get(rpc)?.toSorted(), rpc);
});

test('an administrator ends what somebody signs in by, and the audit log says so', async (t) => {
  const { page } = await open(t, { expected: [/400|401/] });
  const ana = await shopper();
  const token = await tokenOf(ana.username, PASSWORD);
  const { secret } = await api('POST', '/v1/users/me/apiKeys', { name: 'her robot' }, token);
  const totp = await api('POST', '/v1/users/me/totp:start', {}, token);
  await api('POST', '/v1/users/me/totp:confirm', { code: codeOf(totp.secret, -1) }, token);
  await asAdmin(page);
  await page.goto(`/staff/users/${ana.id}`);
  await page.getByText('not confirmed').waitFor();
  await accessible(page, 'a user with a session, a key and a second factor');
  await click(page, 'Revoke… her robot');
  await click(page.getByRole('dialog'), 'Revoke the key');
  await page.getByText('her robot is revoked.').waitFor();
  await assert.rejects(api('GET', '/v1/users/me', undefined, secret), /401/);
  await click(page, 'Remove the second factor…');
  await click(page.getByRole('dialog'), 'Remove it');
  await page.getByText('signs in by the password alone now').waitFor();
  await tokenOf(ana.username, PASSWORD);
  await click(page, 'End all…');
  await click(page.getByRole('dialog'), 'End them');
  await page.getByText('All sessions have ended.').waitFor();
  await page.getByText('Nowhere.').waitFor();
  await assert.rejects(api('GET', '/v1/users/me', undefined, token), /401/);
  // She asks what is held about her, and to be forgotten.
  const [file] = await Promise.all([page.waitForEvent('download'), click(page, 'Download all that is held')]);
  assert.match(await readFile(await file.path(), 'utf8'), new RegExp(`"kind":"user".*${ana.id}`));
  await click(page, 'Erase…');
  await page.getByRole('dialog').getByLabel('Username').fill(ana.username);
  await accessible(page, 'the question of an erasure');
  await click(page.getByRole('dialog'), 'Erase the account');
  await page.getByText(`${ana.username} is erased.`).waitFor();
  await h1(page, 'Users');
  await assert.rejects(asStaff('GET', `/v1/users/${ana.id}`), /404/);

  await page.goto(`/staff/audit-log?user=${ana.id}`);
  for (const kind of ['user.erased', 'session.revoked sessions=all', 'second_factor.removed', 'api_key.revoked', 'api_key.created', 'sign_in.succeeded']) {
    await page.getByRole('row', { name: new RegExp(kind.replace('.', '\\.')) }).first().waitFor();
  }
  await accessible(page, 'the audit log');
  // What can be chosen is what is recorded.
  await page.getByRole('combobox', { name: 'What' }).selectOption('api_key.revoked');
  await page.waitForURL(/kind=api_key\.revoked/);
  assert.equal(await page.getByRole('rowheader').count(), 1);
});
