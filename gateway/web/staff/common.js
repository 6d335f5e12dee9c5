// What the staff pages share: their frame, tables, refreshing.

import { ApiError, advice, call } from '../api.js';
import { hasChanged } from '../ask.js';
import { parseMoney } from '../money.js';
import { go } from '../router.js';
import { currentUser } from '../session.js';
import { toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { mayCall } from './rights.js';

/** Where staff can go, what it is called, and the call that it begins with. */
const PLACES = [
  ['/staff', 'Today'],
  ['/staff/orders', 'Orders', 'ListOrders'],
  ['/staff/articles', 'Articles', 'ListArticles'],
  ['/staff/stock', 'Stock', 'GetStock'],
  ['/staff/payments', 'Payments', 'ListPayments'],
  ['/staff/ledger', 'Ledger', 'ListLedgerEntries'],
  ['/staff/users', 'Users', 'ListUsers'],
  ['/staff/roles', 'Roles', 'ListRoles'],
  ['/staff/instances', 'Instances', 'ListInstances'],
  ['/staff/webhooks', 'Webhooks', 'ListWebhooks'],
  ['/staff/audit', 'Audit', 'VerifyAudit'],
  ['/staff/audit-log', 'Audit log', 'ListAuditEvents'],
];

const currentOf = (path, href) => {
  if (path.replace(/\/$/, '') === href) return 'page';
  return href !== '/staff' && path.startsWith(`${href}/`) ? 'true' : nothing;
};

function find(event) {
  event.preventDefault();
  const text = new FormData(event.currentTarget).get('q').trim();
  go(text ? `/staff/orders?${new URLSearchParams({ q: text })}` : '/staff/orders');
}

/** What finds orders, for who may, but on their own page, whose filters have it. */
const finder = (path) =>
  path === '/staff/orders' || !mayCall('ListOrders')
    ? nothing
    : html`
        <form class="finder" role="search" aria-label="Orders" action="/staff/orders" @submit=${find}>
          <input name="q" type="search" aria-label="Find an order" placeholder="Order, customer, tracking" maxlength="200" enterkeyhint="search" autocapitalize="none" spellcheck="false" />
          <button class="plain">Find</button>
        </form>
      `;

/** Draws a staff page: where staff can go, then what it is about. */
export function frame(view, content) {
  const { pathname } = view.url;
  view.show(html`
    <nav class="staff-nav" aria-label="Staff">
      <ul>
        ${PLACES.filter(([, , rpc]) => !rpc || mayCall(rpc)).map(([href, name]) => html`<li><a href=${href} aria-current=${currentOf(pathname, href)}>${name}</a></li>`)}
      </ul>
    </nav>
    ${currentUser()?.passwordChangeRequired ? html`<p class="notice" role="status">Your password was shown when it was made, so others may have read it. <a href="/account/security">Change it</a></p>` : nothing}
    <div class="staff">${finder(pathname)} ${content}</div>
  `);
  const nav = document.querySelector('.staff-nav ul');
  const here = nav?.querySelector('[aria-current]');
  // On a phone the row is wider than the page.
  if (here && nav.scrollWidth > nav.clientWidth) nav.scrollLeft = here.offsetLeft - nav.clientWidth / 2 + here.offsetWidth / 2;
}

/** A page's name, with what can be done on it as a whole. */
export const heading = (title, tools = nothing, above = nothing) => html`
  ${above === nothing ? nothing : html`<nav class="crumbs" aria-label="Where you are">${above}</nav>`}
  <div class="head">
    <h1 tabindex="-1">${title}</h1>
    ${tools === nothing ? nothing : html`<div class="tools-row">${tools}</div>`}
  </div>
`;

/**
 * Rows with columns `{label, cell: (row) => …, number, quiet}`; the first column names the row. On a phone each
 * row is a card.
 */
export const table = (caption, columns, rows) => html`
  <div class="sheet">
    <table class="cards">
      <caption class="hidden">${caption}</caption>
      <thead>
        <tr>${columns.map(({ label, number }) => html`<th scope="col" class=${number ? 'number' : ''}>${label}</th>`)}</tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) => html`
            <tr>
              ${columns.map(({ label, cell, number }, index) =>
                index
                  ? html`<td class=${number ? 'number' : ''} data-label=${label}>${cell(row)}</td>`
                  : html`<th scope="row">${cell(row)}</th>`,
              )}
            </tr>
          `,
        )}
      </tbody>
    </table>
  </div>
`;

/** Facts under their names, as `[name, value, wide]`; those without a value are left out. */
export const facts = (pairs) => html`
  <dl class="facts">
    ${pairs
      .filter(([, value]) => value !== undefined && value !== '' && value !== nothing)
      .map(([name, value, wide]) => html`<div class=${wide ? 'wide' : ''}><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>
`;

/** An API's message as a sentence. */
export const sentence = (text) => (text ? `${text[0].toUpperCase()}${text.slice(1).replace(/\.$/, '')}.` : '');

/** A field that is wrong before anything is sent, as the API would say it. */
export function invalid(field, description) {
  const fieldViolations = [{ field, description }];
  const details = [{ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations }];
  const info = { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'VALIDATION' };
  return new ApiError({ status: 400, code: 'INVALID_ARGUMENT', message: description, details: [info, ...details] });
}

/** Money that a person typed into `field`; undefined where it is empty. Throws what the form shows. */
export function amountOf(text, currency, field) {
  if (!text) return undefined;
  const money = parseMoney(text, currency);
  if (!money) throw invalid(field, `must be an amount in ${currency}, such as 12.50`);
  return money;
}

/** An amount as query parameters of `name`. */
export const amountQuery = (name, money) =>
  money && {
    [`${name}.currencyCode`]: money.currencyCode,
    [`${name}.units`]: money.units,
    [`${name}.nanos`]: money.nanos,
  };

/** What to do where something stands otherwise than it was shown: show how it stands now, and say so. */
export const anew = (read) => async (error) => {
  if (!hasChanged(error)) return false;
  await read();
  toast(error.reason === 'ILLEGAL_STATE' ? `${sentence(error.message)} This is how it stands now.` : advice(error), 'bad');
  return true;
};

/** Does something again and again while the page is looked at, and at once when it is looked at anew. */
export function every(view, ms, work) {
  let timer;
  const tick = async () => {
    clearTimeout(timer);
    if (view.signal.aborted || document.hidden) return;
    let wait = ms;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError) || !(error.unsettled || error.status === 429)) return void view.fail(error);
      wait = Math.max(ms, error.retryAfter * 1000);
    }
    if (!view.signal.aborted) timer = setTimeout(tick, wait);
  };
  timer = setTimeout(tick, ms);
  document.addEventListener('visibilitychange', tick, { signal: view.signal });
  view.signal.addEventListener('abort', () => clearTimeout(timer));
}

/** The id of the user whom a person named by id, username, e-mail or name. */
export async function userIdOf(text, field, signal) {
  if (!text || text.startsWith('usr_')) return text || undefined;
  // Who is called exactly so comes first, however many others begin so.
  const { users } = await call('GET', '/v1/users', { query: { query: text, pageSize: 2 }, signal });
  const folded = text.trim().toLowerCase();
  const exact = users.filter(({ username, email }) => [username, email].some((name) => name.toLowerCase() === folded));
  const [user, other] = exact.length ? exact : users;
  if (!user) throw invalid(field, 'nobody is called so; try the beginning of a username, an e-mail or a name');
  if (other) throw invalid(field, `fits several users, such as ${user.username} and ${other.username}; type one of them in full`);
  return user.id;
}
