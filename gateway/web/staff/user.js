// One user: roles and access (for administrators), orders, addresses.

import { call } from '../api.js';
import { formatMoney } from '../money.js';
import { currentUser, hasRole } from '../session.js';
import { postal, stateBadge } from '../shop/parts.js';
import { skeleton } from '../states.js';
import { check, day, moment, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { ask, facts, frame, heading, invalid, sentence, table } from './common.js';
import { orderCell } from './orders.js';
import { fullName } from './users.js';
import { ROLE_OPTIONS, roleBadge } from './words.js';

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
  const [read, { orders, nextPageToken }, { addresses }] = await Promise.all([
    get(path),
    get('/v1/orders', { userId: view.params.id, pageSize: 10 }),
    get(`${path}/addresses`, { pageSize: 50 }),
  ]);
  let user = read;

  const setRoles = submit(async (values) => {
    const roles = ROLE_OPTIONS.map(([role]) => role).filter((role) => values[role]);
    if (!roles.length) throw invalid('roles', 'choose one at least');
    if (user.id === currentUser().id && !roles.includes('ROLE_ADMIN')) {
      const text = 'You will no longer manage users, and only another administrator can give it back to you.';
      if (!(await ask({ title: 'Stop being an administrator?', text, action: 'Stop being one', danger: true, signal, work: () => true }))) return;
    }
    user = await call('POST', `${path}:setRoles`, { body: { roles, roleIds: user.roleIds } });
    draw();
    toast(`${user.username} now has these roles.`);
  }, lastOne);
  const lock = press(async () => {
    const now = await ask({
      title: `Lock ${user.username} out?`,
      text: 'All sessions end at once, and nobody can sign in with this account until it is unlocked. Orders go on.',
      action: 'Lock the account',
      danger: true,
      signal,
      work: () => call('POST', `${path}:disable`, { body: {} }),
    });
    if (!now) return;
    user = now;
    draw();
    toast(`${user.username} is locked out.`);
  }, lastOne);
  const unlock = press(async () => {
    user = await call('POST', `${path}:enable`, { body: {} });
    draw();
    toast(`${user.username} can sign in again.`);
  });

  const admin = hasRole('ROLE_ADMIN');
  const access = () => (!admin ? nothing : user.disabled ? html`<button @click=${unlock}>Let in again</button>` : html`<button class="plain" @click=${lock}>Lock out…</button>`);
  const draw = () =>
    frame(view, html`
      ${heading(html`${user.username} ${user.disabled ? html`<span class="badge bad">Locked out</span>` : nothing}`, access(), above)}
      <div class="halves">
        <div>
          <section class="panel">
            <h2>Orders</h2>
            ${orders.length ? table('Orders, the newest first', orderColumns, orders) : html`<p class="quiet">None yet.</p>`}
            ${nextPageToken ? html`<p><a href="/staff/orders?customer=${user.id}">All orders of ${user.username}</a></p>` : nothing}
          </section>
          <section class="panel">
            <h2>Addresses</h2>
            ${addresses.length ? html`<ul class="tiles">${addresses.map((address) => html`<li>${postal(address)}${address.phone || nothing}</li>`)}</ul>` : html`<p class="quiet">None kept.</p>`}
          </section>
        </div>
        <div>
          <section class="panel">
            <h2>Who it is</h2>
            ${facts([
              ['Name', fullName(user)],
              ['E-mail', user.email, true],
              ['Roles', html`<span class="badges">${user.roles.map(roleBadge)}</span>`],
              ['Since', moment(user.createTime)],
              ['Id', html`<code>${user.id}</code>`, true],
            ])}
          </section>
          ${admin
            ? html`
                <section class="panel">
                  <h2>Roles</h2>
                  <form @submit=${setRoles}>
                    <fieldset>
                      <legend class="hidden">Roles of ${user.username}</legend>
                      ${ROLE_OPTIONS.map(([role, label]) => check({ name: role, label, checked: user.roles.includes(role) }))}
                    </fieldset>
                    <p class="hint">Staff see these pages; administrators also manage users.</p>
                    <div class="actions"><button class="plain">Set the roles</button></div>
                  </form>
                </section>
              `
            : nothing}
        </div>
      </div>
    `);
  view.title(`${user.username} · Staff`);
  draw();
}
