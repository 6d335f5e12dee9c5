// The shopper's orders, the newest first.

import { call } from '../api.js';
import { formatMoney } from '../money.js';
import { empty, skeleton } from '../states.js';
import { day, press } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { refundBadge, stateBadge } from './parts.js';
import { lookUp, pictureOf } from './pictures.js';

/** All but the basket. */
const STATES = ['CHECKING_OUT', 'AWAITING_PAYMENT', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'EXPIRED'];

export default async function page(view) {
  view.title('Your orders');
  view.show(html`<h1>Your orders</h1>${skeleton(4, 'card')}`);
  const read = (pageToken) => {
    // Staff would get everybody's without `me`.
    const query = { userId: 'me', state: STATES.map((state) => `ORDER_STATE_${state}`), pageSize: 20, pageToken };
    return call('GET', '/v1/orders', { query, signal: view.signal });
  };
  const list = await read('');
  const more = press(async () => {
    const next = await read(list.nextPageToken);
    const first = list.orders.length;
    list.orders.push(...next.orders);
    list.nextPageToken = next.nextPageToken;
    draw();
    document.querySelectorAll('.orders a')[first]?.focus();
    await pictures();
  });
  const draw = () =>
    view.show(html`
      <h1 tabindex="-1">Your orders</h1>
      ${list.orders.length
        ? html`<ul class="orders">${list.orders.map(row)}</ul>`
        : empty('No orders yet', 'Once you have bought something, you can follow it here.', html`<a class="button" href="/">Look around</a>`)}
      ${list.nextPageToken ? html`<p class="more"><button class="plain" @click=${more}>Show more</button></p>` : nothing}
    `);
  const pictures = async () => {
    await lookUp(list.orders.flatMap(({ lines }) => lines.slice(0, 1)), view.signal);
    draw();
  };
  draw();
  await pictures();
}

const row = (order) => {
  const [first, ...others] = order.lines;
  return html`
    <li>
      <a href="/orders/${order.id}">
        ${pictureOf(first)}
        <span class="what">
          <strong>${first?.name ?? 'Order'}</strong>${others.length ? ` and ${others.length} more` : ''}
          <span class="quiet">${order.number}, ${day(order.placeTime ?? order.createTime)}</span>
        </span>
        <span>${stateBadge(order.state)} ${refundBadge(order)}</span>
        <span class="total">${formatMoney(order.total)}</span>
      </a>
    </li>
  `;
};
