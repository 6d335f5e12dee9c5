// One order, followed live: what is in it, its payment, and what can be done now.

import { call, follow, pages } from '../api.js';
import { formatMoney, sign } from '../money.js';
import { skeleton } from '../states.js';
import { failureText, isFinal, postal, refundBadge, stateBadge, stateName, sums } from '../shop/parts.js';
import { moment, press, shortId, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { anew, every, facts, frame, heading } from './common.js';
import { adjustTotal, cancel, deliver, removeAdjustment, ship, takeBack } from './order-actions.js';
import { leftOf, refund } from './refund.js';
import { mayCall } from './rights.js';
import { actor, articleLink, flagBadge, isPending, isRefundable, paymentBadge, paymentLink, userLink } from './words.js';

const CANCELLABLE = ['ORDER_STATE_OPEN', 'ORDER_STATE_CHECKING_OUT', 'ORDER_STATE_AWAITING_PAYMENT', 'ORDER_STATE_PAID'];
const SOLD = ['ORDER_STATE_PAID', 'ORDER_STATE_SHIPPED', 'ORDER_STATE_DELIVERED'];
const above = html`<a href="/staff/orders">Orders</a>`;
/** How often payments that are not settled are looked at anew. */
const MONEY_MS = 4000;

/** Whether the order has yet to hear what was given back of its payment, or more is on its way. */
const isLate = ({ paymentId, refunded }, { id, refunded: known, refundPending }) =>
  id === paymentId &&
  (sign(refundPending) > 0 || String(known.units) !== String(refunded?.units ?? 0) || known.nanos !== (refunded?.nanos ?? 0));

/** Whether money is the shop's that the customer is to get back. */
const isOwed = ({ state }, payment) => state === 'ORDER_STATE_CANCELLED' && isRefundable(payment.state);

export default async function page(view) {
  const { signal } = view;
  const path = `/v1/orders/${view.params.id}`;
  view.title('Order · Staff');
  frame(view, html`${heading('Order', nothing, above)}${skeleton(6)}`);
  let order;
  let customer;
  let payments = [];
  let events = [];
  let live = 'waiting';

  const read = async () => {
    const query = { orderId: view.params.id, pageSize: 50 };
    const paid = mayCall('ListPayments') ? call('GET', '/v1/payments', { query, signal }) : { payments: [] };
    [order, { payments }] = await Promise.all([call('GET', path, { signal }), paid]);
    // Nobody watches an order that has ended; its money can still go back, and its units.
    if (events.length && isFinal(order.state)) events = await history();
    draw();
  };
  const history = async () => {
    let all = [];
    for await (const some of pages(`${path}/events`, { pageSize: 200 }, 'events', signal)) all = [...all, ...some];
    return all;
  };
  const act = (ask, told) =>
    press(async () => {
      if (!(await ask())) return;
      await read();
      if (told) toast(told);
    }, anew(read));

  const draw = () =>
    frame(
      view,
      template({
        order, customer, payments, events, live,
        ship: act(() => ship(order, signal), 'The order is on its way.'),
        deliver: act(() => deliver(order, signal), 'The order has arrived.'),
        cancel: act(() => cancel(order, signal), 'The order is cancelled.'),
        adjust: act(() => adjustTotal(order, signal), 'The total is changed.'),
        remove: (adjustment) => act(() => removeAdjustment(order, adjustment, signal), 'It is taken out.'),
        takeBack: (line) => act(() => takeBack(order, line, signal), 'It is back in stock.'),
        refund: (payment) => act(() => refund(payment, signal)),
      }),
    );

  await read();
  view.title(`Order ${order.number} · Staff`);
  // An erased customer's orders stay. Who may not see customers has the address that is on the order.
  customer = !mayCall('GetUser') ? { id: order.userId } : await call('GET', `/v1/users/${order.userId}`, { signal }).catch((error) => {
    if (error.status !== 404) throw error;
    return { gone: true };
  });
  events = await history();
  draw();
  // An event between the two calls is known by now, so it is not followed: the order is read behind it.
  if (!isFinal(order.state)) await read();
  if (!isFinal(order.state)) view.run(watch);
  // Money moves on where the order's own history has ended.
  every(view, MONEY_MS, async () => {
    const moves = payments.some((payment) => isPending(payment.state) || isOwed(order, payment) || isLate(order, payment));
    if (moves && !document.querySelector('dialog[open]')) await read();
  });

  async function watch() {
    const seen = () => events.at(-1)?.sequence ?? 0;
    const onState = (state) => {
      if (state === live) return;
      live = state;
      draw();
    };
    for await (const event of follow(`${path}:watch`, { after: seen(), isLast: ({ state }) => isFinal(state), signal, onState })) {
      if (Number(event.sequence) <= Number(seen())) continue;
      events = [...events, event];
      await read();
    }
    live = 'over';
    draw();
  }
}

const template = (it) => {
  const { order, customer, events, live } = it;
  return html`
    ${heading(html`Order ${order.number} ${stateBadge(order.state)} ${refundBadge(order)}`, actions(it), above)}
    <div class="halves">
      <div>
        ${articles(it)} ${it.payments.length ? money(it) : nothing}
      </div>
      <div>
        <section class="panel">
          <h2>Who and where</h2>
          ${facts([
            ['Customer', customer ? (customer.gone ? 'erased' : userLink(customer.id, customer.username ?? shortId(customer.id))) : '…'],
            ['E-mail', customer?.email, true],
            ['Address', order.address ? postal(order.address) : ''],
            ['Phone', order.address?.phone],
            ['Placed', order.placeTime ? moment(order.placeTime) : ''],
            ['Carrier', order.carrier],
            ['Tracking code', order.trackingCode ? html`<code>${order.trackingCode}</code>` : ''],
            ['Id', html`<code>${order.id}</code>`, true],
          ])}
        </section>
        <section class="panel">
          <h2>What happened ${isFinal(order.state) ? nothing : html`<span class="badge ${live === 'live' ? 'good' : ''}">${live === 'live' ? 'Live' : 'Connecting…'}</span>`}</h2>
          <ol class="timeline" aria-live="polite">
            ${events.map(
              (event) => html`
                <li>
                  <strong>${stateName(event.state)}</strong>
                  <span class="quiet">${moment(event.createTime)}, ${actor(event.actor)}</span>
                  ${event.note ? html`<span>${event.note}</span>` : nothing}
                </li>
              `,
            )}
          </ol>
        </section>
      </div>
    </div>
  `;
};

const actions = ({ order, ...does }) => html`
  ${CANCELLABLE.includes(order.state) && mayCall('CancelOrder') ? html`<button class="plain" @click=${does.cancel}>Cancel…</button>` : nothing}
  ${order.state === 'ORDER_STATE_PAID' && mayCall('ShipOrder') ? html`<button @click=${does.ship}>Ship…</button>` : nothing}
  ${order.state === 'ORDER_STATE_SHIPPED' && mayCall('DeliverOrder') ? html`<button @click=${does.deliver}>Delivered…</button>` : nothing}
`;

const articles = ({ order, adjust, remove, takeBack: back }) => {
  const isOut = ({ quantity, returned }) => SOLD.includes(order.state) && quantity > returned && mayCall('AdjustStock');
  const open = order.state === 'ORDER_STATE_OPEN' && mayCall('AddAdjustment');
  const removable = open ? order.adjustments.filter(({ automatic }) => !automatic) : [];
  return html`
    <section class="panel">
      <h2>What is in it</h2>
      <ul class="lines">
        ${order.lines.map(
          (line) => html`
            <li class="line">
              <div class="what">
                <span>${articleLink(line.articleId, line.name)}</span>
                <span class="quiet">
                  ${line.quantity} × ${formatMoney(line.unitPrice)} · ${line.code}${line.returned ? `, ${line.returned} came back` : ''}
                  ${isOut(line) ? html` <button class="link" @click=${back(line)} aria-label="Take back… ${line.name}">Take back…</button>` : nothing}
                </span>
              </div>
              <span class="total">${formatMoney(line.total)}</span>
            </li>
          `,
        )}
      </ul>
      ${order.lines.length ? sums(order) : html`<p class="quiet">There is nothing in it yet.</p>`}
      ${open && order.lines.length
        ? html`
            <div class="actions">
              <button class="plain small" @click=${adjust}>Add shipping, fee or discount…</button>
              ${removable.map((adjustment) => html`<button class="link" @click=${remove(adjustment)}>Take “${adjustment.label}” out</button>`)}
            </div>
          `
        : nothing}
    </section>
  `;
};

const money = ({ order, payments, refund: giveBack }) => html`
  <section class="panel">
    <h2>Payment</h2>
    <ul class="lines">
      ${payments.map(
        (payment) => html`
          <li class="line">
            <div class="what">
              <span>${paymentLink(payment.id)} ${paymentBadge(payment.state)} ${payment.flags.map(flagBadge)}</span>
              <span class="quiet">
                ${formatMoney(payment.amount)} by ${payment.provider}, ${moment(payment.createTime)}${payment.failureReason
                  ? html`. ${failureText(payment.failureReason)}`
                  : nothing}
              </span>
              ${Number(payment.refunded.units) || payment.refunded.nanos ? html`<span class="quiet">${formatMoney(payment.refunded)} was given back.</span>` : nothing}
              ${isOwed(order, payment)
                ? html`<strong class="alert">${formatMoney(leftOf(payment))} has not been given back yet.</strong>`
                : nothing}
            </div>
            ${isRefundable(payment.state) && mayCall('RefundPayment') ? html`<button class="plain small" @click=${giveBack(payment)}>Refund…</button>` : nothing}
          </li>
        `,
      )}
    </ul>
  </section>
`;
