// One user: orders, addresses, roles, and what ends access: sessions, keys, the second factor, the account's lock.

import { call } from '../api.js';
import { ask } from '../ask.js';
import { download, today } from '../download.js';
import { formatMoney } from '../money.js';
import { withPassword } from '../password-prompt.js';
import { PERMISSIONS, permissionName } from '../permissions.js';
import { go } from '../router.js';
import { currentUser, hasRole, may } from '../session.js';
import { confirmSignOut, devices } from '../shop/devices.js';
import { postal, stateBadge } from '../shop/parts.js';
import { skeleton } from '../states.js';
import { check, day, field, moment, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { anew, facts, frame, heading, invalid, sentence, table } from './common.js';
import { orderCell } from './orders.js';
import { mayCall } from './rights.js';
import { fullName } from './users.js';
import { ROLE_OPTIONS, roleBadges } from './words.js';

const above = html`<a href="/staff/users">Users</a>`;

const orderColumns = [
  { label: 'Order', cell: orderCell },
  { label: 'Placed', cell: ({ placeTime, createTime }) => day(placeTime ?? createTime) },
  { label: 'State', cell: ({ state }) => stateBadge(state) },
  { label: 'Total', number: true, cell: ({ total }) => formatMoney(total) },
];

/** The last administrator stays one: the only state that forbids anything here. */
const lastOne = (error) => {
  if (error.reason !== 'LAST_ADMIN') return false;
  toast(`${sentence(error.message)} Make somebody else an administrator first.`, 'bad');
  return true;
};

export default async function page(view) {
  const { signal } = view;
  const path = `/v1/users/${view.params.id}`;
  view.title('User · Staff');
  frame(view, html`${heading('User', nothing, above)}${skeleton(6)}`);
  const get = (rest, query) => call('GET', rest, { query, signal });
  // What one may not see is not asked for.
  const [found, bought, { addresses }, made] = await Promise.all([
    get(path),
    mayCall('ListOrders') && get('/v1/orders', { userId: view.params.id, pageSize: 10 }),
    get(`${path}/addresses`, { pageSize: 50 }),
    mayCall('ListRoles') ? get('/v1/roles', { pageSize: 1000 }).then(({ roles }) => roles.filter(({ builtIn }) => !builtIn)) : [],
  ]);
  let user = found;
  let sessions = [];
  let keys = [];
  const own = view.params.id === currentUser().id;
  // A colleague is the business of administrators, and of those who may all that the colleague may.
  const isColleague = () => user.roles.some((role) => role !== 'ROLE_CUSTOMER') || user.roleIds.length > 0;
  const isYours = () =>
    own || !isColleague() || hasRole('ROLE_ADMIN') || (PERMISSIONS.every(([name]) => may(name)) && !user.roles.includes('ROLE_ADMIN'));
  const readAccess = async () => {
    user = await get(path);
    if (isYours()) {
      [{ sessions }, { apiKeys: keys }] = await Promise.all([get(`${path}/sessions`, { pageSize: 1000 }), get(`${path}/apiKeys`, { pageSize: 1000 })]);
    }
    draw();
  };

  const setRoles = submit(async (values) => {
    const roles = ROLE_OPTIONS.map(([role]) => role).filter((role) => values[role]);
    const roleIds = values.roleIds ? [values.roleIds] : [];
    if (!roles.length && !roleIds.length) throw invalid('roles', 'choose one at least');
    if (user.id === currentUser().id && !roles.includes('ROLE_ADMIN')) {
      const text = 'You will no longer manage users, and only another administrator can give it back to you.';
      if (!(await ask({ title: 'Stop being an administrator?', text, action: 'Stop being one', danger: true, signal, work: () => true }))) return;
    }
    user = await withPassword(() => call('POST', `${path}:setRoles`, { body: { roles, roleIds } }), signal);
    await readAccess();
    toast(`${user.username} now has these roles.`);
  }, lastOne);
  const lock = press(async () => {
    const now = await ask({
      title: `Lock ${user.username} out?`,
      text: 'All sessions end at once, and nobody can sign in with this account until it is unlocked. Orders go on.',
      action: 'Lock the account',
      danger: true,
      signal,
      work: () => withPassword(() => call('POST', `${path}:disable`, { body: {} }), signal),
    });
    if (!now) return;
    await readAccess();
    toast(`${user.username} is locked out.`);
  }, lastOne);
  const unlock = press(async () => {
    user = await withPassword(() => call('POST', `${path}:enable`, { body: {} }), signal);
    draw();
    toast(`${user.username} can sign in again.`);
  });

  const end = confirmSignOut(view.params.id, readAccess, signal);
  const revoke = (key) =>
    press(async () => {
      const done = await ask({
        title: `Revoke ${key.name}?`,
        text: `Programs that call with it in the name of ${user.username} are refused within seconds. This cannot be undone.`,
        action: 'Revoke the key',
        danger: true,
        signal,
        work: () => withPassword(() => call('DELETE', `${path}/apiKeys/${key.id}`), signal),
      });
      if (!done) return;
      await readAccess();
      toast(`${key.name} is revoked.`);
    });
  const unfactor = press(async () => {
    const done = await ask({
      title: 'Remove the second factor?',
      text: `For who has lost it, and the codes for recovery. Make sure that it is ${user.username} who asks: the password alone is then enough.`,
      action: 'Remove it',
      danger: true,
      signal,
      work: () => withPassword(() => call('POST', `${path}/totp:remove`, { body: {} }), signal),
    });
    if (!done) return;
    await readAccess();
    toast(`${user.username} signs in by the password alone now.`);
  });

  const copy = press(async () => {
    const name = `feira-${user.username}-${today()}.ndjson`;
    await withPassword(() => download(`${path}:export`, { accept: 'application/x-ndjson', name, signal }), signal);
    toast(`${name} is saved.`);
  });
  const erase = press(async () => {
    const { username } = user;
    const done = await ask({
      title: `Erase ${username}?`,
      text: `Name, e-mail and addresses are erased, the basket and unpaid orders are cancelled; other orders stay, without the name. This cannot be undone. To go on, type ${username}.`,
      action: 'Erase the account',
      danger: true,
      fields: field({ name: 'username', id: 'd-username', label: 'Username', required: true, autocomplete: 'off', pattern: username.replace(/[.\-]/g, '\\$&'), title: username }),
      signal,
      work: () => withPassword(() => call('DELETE', path, { query: { etag: user.etag } }), signal),
    });
    if (!done) return;
    await go('/staff/users', { replace: true });
    toast(`${username} is erased.`);
  }, async (error) => lastOne(error) || anew(readAccess)(error));
  const access = () => (!mayCall('DisableUser') || !isYours() ? nothing : user.disabled ? html`<button @click=${unlock}>Let in again</button>` : html`<button class="plain" @click=${lock}>Lock out…</button>`);
  const draw = () =>
    frame(view, html`
      ${heading(html`${user.username} ${user.disabled ? html`<span class="badge bad">Locked out</span>` : nothing}`, access(), above)}
      <div class="halves">
        <div>
          ${bought
            ? html`
                <section class="panel">
                  <h2>Orders</h2>
                  ${bought.orders.length ? table('Orders, the newest first', orderColumns, bought.orders) : html`<p class="quiet">None yet.</p>`}
                  ${bought.nextPageToken ? html`<p><a href="/staff/orders?customer=${user.id}">All orders of ${user.username}</a></p>` : nothing}
                </section>
              `
            : nothing}
          <section class="panel">
            <h2>Addresses</h2>
            ${addresses.length ? html`<ul class="tiles">${addresses.map((address) => html`<li>${postal(address)}${address.phone || nothing}</li>`)}</ul>` : html`<p class="quiet">None kept.</p>`}
          </section>
          ${isYours()
            ? html`
                <section class="panel">
                  <h2>Signed in</h2>
                  ${sessions.length ? devices(sessions, end) : html`<p class="quiet">Nowhere.</p>`}
                </section>
              `
            : nothing}
          ${keys.length ? html`<section class="panel"><h2>API keys</h2><ul class="lines">${keys.map((key) => keyLine(key, revoke(key)))}</ul></section>` : nothing}
        </div>
        <div>
          <section class="panel">
            <h2>Who it is</h2>
            ${facts([
              ['Name', fullName(user)],
              ['E-mail', html`${user.email} ${user.emailVerified ? html`<span class="badge good">confirmed</span>` : html`<span class="badge">not confirmed</span>`}`, true],
              ['Roles', html`<span class="badges">${roleBadges(user, made)}</span>`],
              ['Second factor', user.secondFactor ? 'on' : 'off'],
              ['Since', moment(user.createTime)],
              ['Id', html`<code>${user.id}</code>`, true],
            ])}
            ${(mayCall('ExportUser') || mayCall('DeleteUser')) && isYours() && !own
              ? html`
                  <div class="actions">
                    ${mayCall('ExportUser') ? html`<button class="plain small" @click=${copy}>Download all that is held</button>` : nothing}
                    <button class="plain small" @click=${erase}>Erase…</button>
                  </div>
                `
              : nothing}
            ${user.secondFactor && hasRole('ROLE_ADMIN') && !own ? html`<p><button class="plain small" @click=${unfactor}>Remove the second factor…</button></p>` : nothing}
          </section>
          ${mayCall('SetRoles')
            ? html`
                <section class="panel">
                  <h2>Roles</h2>
                  <form @submit=${setRoles}>
                    <fieldset>
                      <legend class="hidden">Roles of ${user.username}</legend>
                      ${ROLE_OPTIONS.map(([role, label]) => check({ name: role, label, checked: user.roles.includes(role) }))}
                    </fieldset>
                    ${made.length ? field({ name: 'roleIds', label: 'A role of this shop', value: user.roleIds[0] ?? '', options: [['', 'None'], ...made.map(({ id, name }) => [id, name])] }) : nothing}
                    <p class="hint">Staff may do all but say who is staff; administrators may do that, too.</p>
                    <div class="actions"><button class="plain">Set the roles</button></div>
                  </form>
                </section>
              `
            : nothing}
        </div>
      </div>
    `);
  view.title(`${user.username} · Staff`);
  await readAccess();
}

const keyLine = (key, revoke) => html`
  <li class="line">
    <span class="what">
      <strong>${key.name}</strong>
      <span class="quiet">
        <code>feira_${key.prefix}_</code>, ${key.scopes.length ? key.scopes.map((scope) => (scope === 'read' ? 'Read' : permissionName(scope))).join(', ') : 'all that the user may'}, ${key.lastUsedTime ? html`last used ${moment(key.lastUsedTime)}` : 'never used'}
      </span>
    </span>
    <button class="plain small" @click=${revoke}>Revoke…<span class="hidden"> ${key.name}</span></button>
  </li>
`;
