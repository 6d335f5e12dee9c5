// Where staff begin: what waits for somebody to do something.

import { call } from '../api.js';
import { formatMoney } from '../money.js';
import { currentUser } from '../session.js';
import { skeleton } from '../states.js';
import { day, picture, shortId } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { every, frame, heading } from './common.js';
import { refundBadge } from '../shop/parts.js';
import { contents } from './orders.js';
import { leftOf } from './refund.js';
import { mayCall } from './rights.js';
import { isRefundable } from './words.js';

const SHOWN = 5;
const REFRESH_MS = 30_000;

export default async function page(view) {
  view.title('Today · Staff');
  const name = currentUser().firstName || currentUser().username;
  let lists;
  let owed;
  const get = (path, query) => call('GET', path, { query, signal: view.signal });
  // Who has waited longest comes first, and how many there are.
  const orders = async (which) => {
    const asked = [get('/v1/orders', { ...which, orderBy: 'place_time', pageSize: SHOWN }), get('/v1/orders:count', which)];
    const [list, { count }] = await Promise.all(asked);
    return { ...list, count };
  };

  const [sells, pays, stocks] = ['ListOrders', 'ListPayments', 'ListArticles'].map(mayCall);
  const read = async () => {
    const [ship, wait, unknown, low] = await Promise.all([
      sells && orders({ toShip: true }),
      sells && orders({ state: 'ORDER_STATE_AWAITING_PAYMENT' }),
      pays && get('/v1/payments', { state: 'PAYMENT_STATE_UNKNOWN', pageSize: SHOWN }),
      stocks && get('/v1/articles', { lowStock: true, active: true, orderBy: 'name', pageSize: SHOWN }),
    ]);
    lists = { ship, wait, unknown, low };
    draw();
    if (!sells || !pays) return;
    owed = await owedOf(get);
    draw();
  };
  const draw = () =>
    frame(view, html`
      ${heading('Today', html`<span class="quiet">Signed in as ${name}</span>`)}
      ${lists
        ? html`
            <div class="today">
              ${card('To ship', '/staff/orders?state=PAID', lists.ship, 'orders', order, 'Nothing waits to be shipped.')}
              ${card('Waiting for payment', '/staff/orders?state=AWAITING_PAYMENT', lists.wait, 'orders', order, 'Nobody is about to pay.')}
              ${card('Running low', '/staff/stock', lists.low, 'articles', article, 'There is enough of everything.')}
              ${card('Payments to settle', '/staff/payments?state=PAYMENT_STATE_UNKNOWN', lists.unknown, 'payments', payment, 'Every outcome is known.')}
              ${card('Money to give back', '/staff/orders?owing=yes', owed, 'owed', debt, 'Cancelled orders have their money back.')}
            </div>
            ${sells || pays || stocks ? nothing : html`<p class="lead">Nothing of your role waits for somebody. What it lets you see is above.</p>`}
          `
        : skeleton(5, 'card')}
    `);
  const slow = setTimeout(draw, 200);
  await read().finally(() => clearTimeout(slow));
  every(view, REFRESH_MS, read);
}

/** Payments whose money is to go back to customers and is still the shop's. */
async function owedOf(get) {
  const { orders, nextPageToken } = await get('/v1/orders', { owing: true, pageSize: SHOWN });
  const lists = await Promise.all(orders.map(({ id }) => get('/v1/payments', { orderId: id, pageSize: 50 })));
  const owed = lists.flatMap(({ payments }) => payments).filter(({ state }) => isRefundable(state));
  return { owed, nextPageToken };
}

/** A list of what waits; nothing where there is no list, as for who may not see it. */
const card = (title, href, list, plural, row, otherwise) => {
  if (!list) return nothing;
  const rows = list[plural];
  return html`
    <section class="panel today-card ${rows.length ? 'due' : ''}">
      <h2><a href=${href}>${title}</a> <span class="tally">${list.count ?? `${rows.length}${list.nextPageToken ? '+' : ''}`}</span></h2>
      ${rows.length ? html`<ul>${rows.map((one) => html`<li>${row(one)}</li>`)}</ul>` : html`<p class="quiet">${otherwise}</p>`}
    </section>
  `;
};

const order = ({ id, number, lines, total, refunded, refunding, placeTime, createTime }) => html`
  <a href="/staff/orders/${id}"><span><span class="clip">${contents({ lines })}</span><span class="quiet">${number}, ${day(placeTime ?? createTime)} ${refundBadge({ total, refunded, refunding })}</span></span><span class="number">${formatMoney(total)}</span></a>
`;

const payment = ({ id, provider, amount, createTime }) => html`
  <a href="/staff/payments/${id}"><span><span class="clip">${shortId(id)}</span><span class="quiet">${provider}, ${day(createTime)}</span></span><span class="number">${formatMoney(amount)}</span></a>
`;

const debt = (it) => html`
  <a href="/staff/payments/${it.id}"><span><span class="clip">Order ${shortId(it.orderId)}</span><span class="quiet">cancelled, not given back</span></span><span class="number">${formatMoney(leftOf(it))}</span></a>
`;

const article = (it) => html`
  <a href="/staff/articles/${it.id}/stock">${picture(it)}<span><span class="clip">${it.name}</span><span class="quiet">${it.code}</span></span><span class="number">${it.available} free</span></a>
`;
