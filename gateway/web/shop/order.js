// One order: where it stands, followed live, and what can still be done about it.

import { call, follow, pages } from '../api.js';
import { basketIs } from '../basket.js';
import { formatMoney } from '../money.js';
import { go } from '../router.js';
import { skeleton } from '../states.js';
import { confirm, field, moment, press, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { failureText, isFinal, isPage, isRefundedInFull, postal, refundBadge, stateBadge, stateName, sums } from './parts.js';
import { lookUp, pictureOf } from './pictures.js';

const CANCELLABLE = ['ORDER_STATE_CHECKING_OUT', 'ORDER_STATE_AWAITING_PAYMENT', 'ORDER_STATE_PAID'];

export default async function page(view) {
  const path = `/v1/orders/${view.params.id}`;
  view.title('Order');
  view.show(skeleton(5));
  let order;
  let events = [];
  let live = 'waiting';

  const read = async () => {
    order = await call('GET', path, { signal: view.signal });
    await hosted();
    draw();
  };
  const cancel = press(async () => {
    const reason = field({ name: 'reason', label: 'Why', maxlength: 500 });
    const text = order.state === 'ORDER_STATE_PAID' ? 'Your money is given back.' : 'Nothing is charged.';
    const asked = await confirm({ title: 'Cancel this order?', text, action: 'Cancel the order', fields: reason });
    if (!asked) return;
    order = await call('POST', `${path}:cancel`, { body: { reason: asked.reason, etag: order.etag } });
    draw();
    toast('The order is cancelled.');
  }, again);
  const reopen = press(async () => {
    order = await call('POST', `${path}:reopen`, { body: { etag: order.etag } });
    basketIs(order);
    if (order.state === 'ORDER_STATE_OPEN') await go('/basket');
    else draw();
  }, again);
  async function again(error) {
    if (!['ETAG_MISMATCH', 'ILLEGAL_STATE'].includes(error.reason)) return false;
    await read();
    toast('The order has changed meanwhile: this is how it stands now.', 'bad');
    return true;
  }
  // This page may be an old one: whether there is still something to pay is asked before anybody is sent away.
  const pay = press(async () => {
    await read();
    if (order.state === 'ORDER_STATE_AWAITING_PAYMENT' && isPage(order.paymentActionUrl)) location.assign(order.paymentActionUrl);
    else toast('There is nothing left to pay here: this is how the order stands now.');
  });
  // Whether its payment has a page of the provider's, from where she comes back by herself; asked once.
  let types;
  const hosted = async () => {
    if (!isPage(order.paymentActionUrl) || types) return;
    ({ paymentTypes: types } = await call('GET', '/v1/paymentTypes', { signal: view.signal }));
  };
  const onPage = () => types?.find(({ paymentType }) => paymentType === order.paymentType)?.hostedPage ?? false;
  const back = view.url.searchParams.get('payment');
  const draw = () => view.show(template({ order, events, live, cancel, reopen, pay, onPage: onPage(), back }));

  await read();
  view.title(`Order ${order.number}`);
  for await (const some of pages(`${path}/events`, { pageSize: 200 }, 'events', view.signal)) events = [...events, ...some];
  draw();
  // An event between the two calls is known by now, so it is not followed: the order is read behind it.
  if (!isFinal(order.state)) await read();
  await lookUp(order.lines, view.signal);
  draw();
  // Back from the payment's own page, where nothing of it was seen here.
  document.addEventListener('visibilitychange', () => document.hidden || view.run(read), { signal: view.signal });
  // Back by the browser's own button, which may show the page as it was left.
  addEventListener('pageshow', ({ persisted }) => persisted && view.run(read), { signal: view.signal });
  if (!isFinal(order.state)) view.run(watch);

  async function watch() {
    const seen = () => events.at(-1)?.sequence ?? 0;
    const onState = (state) => {
      if (state === live) return;
      live = state;
      draw();
    };
    const isLast = ({ state }) => isFinal(state);
    for await (const event of follow(`${path}:watch`, { after: seen(), isLast, signal: view.signal, onState })) {
      if (Number(event.sequence) <= Number(seen())) continue;
      events = [...events, event];
      await read();
    }
    live = 'over';
    draw();
  }
}

const template = ({ order, events, live, cancel, reopen, ...paying }) => html`
  <nav aria-label="Where you are" class="crumbs"><a href="/orders">Your orders</a></nav>
  <h1 tabindex="-1">Order ${order.number} ${stateBadge(order.state)} ${refundBadge(order)}</h1>
  <div role="status">${news(order, paying)}</div>
  <div class="halves">
    <div>
      <section class="panel">
        <h2>What is in it</h2>
        <ul class="lines">
          ${order.lines.map(
            (line) => html`
              <li class="line">
                ${pictureOf(line)}
                <div class="what">
                  <a href="/articles/${line.articleId}">${line.name}</a>
                  <span class="quiet">${line.quantity} × ${formatMoney(line.unitPrice)}${line.returned ? `, ${line.returned} came back` : ''}</span>
                </div>
                <span class="total">${formatMoney(line.total)}</span>
              </li>
            `,
          )}
        </ul>
        ${sums(order)}
      </section>
      ${order.address ? html`<section class="panel"><h2>Where it goes</h2>${postal(order.address)}</section>` : nothing}
    </div>
    <section class="panel">
      <h2>What happened ${isFinal(order.state) ? nothing : liveBadge(live)}</h2>
      <ol class="timeline" aria-live="polite">
        ${events.map(
          (event) => html`
            <li>
              <strong>${stateName(event.state)}</strong> ${moment(event.createTime)}
              ${event.note ? html`<span class="quiet">${event.note}</span>` : nothing}
            </li>
          `,
        )}
      </ol>
    </section>
  </div>
  ${CANCELLABLE.includes(order.state)
    ? html`
        <div class="actions">
          ${order.state === 'ORDER_STATE_AWAITING_PAYMENT'
            ? html`<button class="plain" @click=${reopen}>Change the order</button>`
            : nothing}
          <button class="plain" @click=${cancel}>Cancel the order</button>
        </div>
      `
    : nothing}
`;

const liveBadge = (live) => html`<span class="badge ${live === 'live' ? 'good' : ''}">${live === 'live' ? 'Live' : 'Connecting…'}</span>`;

/** What the shopper should know or do now. */
const news = (order, paying) => {
  switch (order.state) {
    case 'ORDER_STATE_AWAITING_PAYMENT':
      return payment(order, paying);
    case 'ORDER_STATE_CHECKING_OUT':
      return html`<p class="notice warn">It is being checked out; this takes a moment.</p>`;
    case 'ORDER_STATE_PAID':
      if (isRefundedInFull(order)) return html`<p class="notice">Your money was given back. How soon it shows is up to your bank.</p>`;
      if (order.refunding) return html`<p class="notice">Your money is on its way back to you.</p>`;
      return html`<p class="notice good">Thank you: it is paid, and will be on its way soon.</p>`;
    case 'ORDER_STATE_SHIPPED':
      return html`<p class="notice good">
        It is on its way${order.carrier ? ` by ${order.carrier}` : ''}${order.trackingCode ? html`: <code>${order.trackingCode}</code>` : nothing}.
      </p>`;
    case 'ORDER_STATE_DELIVERED':
      return html`<p class="notice good">It has arrived. Enjoy.</p>`;
    case 'ORDER_STATE_EXPIRED':
      return html`<p class="notice bad">It was not paid in time, so its articles went back on the stalls. Nothing was charged.</p>`;
    case 'ORDER_STATE_OPEN':
      return html`<p class="notice">It is your basket. <a href="/basket">Go to the basket</a></p>`;
    default:
      return nothing;
  }
};

const payment = (order, { pay, onPage, back }) => {
  const another = html`<a class="button" href="/orders/${order.id}/pay">Pay another way</a>`;
  if (order.paymentFailure) {
    return html`
      <div class="notice bad">
        <p><strong>The payment did not go through.</strong> ${failureText(order.paymentFailure)} Your articles are held for you.</p>
        <p>${another}</p>
      </div>
    `;
  }
  if (onPage && isPage(order.paymentActionUrl)) {
    return html`
      <div class="notice warn">
        ${back === 'done'
          ? html`<p><strong>The provider has yet to confirm your payment.</strong> That takes a few seconds; this page follows by itself.</p>`
          : html`<p><strong>${back === 'left' ? 'You have not paid yet.' : 'It is not paid yet.'}</strong> Your articles are held for you. You pay on the provider's page.</p>`}
        <p class="actions">
          <button class=${back === 'done' ? 'plain' : ''} @click=${pay}>Go to the payment page</button>
          <a href="/orders/${order.id}/pay">Pay another way</a>
        </p>
      </div>
    `;
  }
  if (isPage(order.paymentActionUrl)) {
    return html`
      <div class="notice warn">
        <p><strong>Your confirmation is needed.</strong> Confirm the payment on the provider's page; this page follows by itself.</p>
        <p class="actions">
          <a class="button" href=${order.paymentActionUrl} target="_blank" rel="noopener noreferrer">Confirm the payment</a>
          <a href="/orders/${order.id}/pay">Pay another way</a>
        </p>
      </div>
    `;
  }
  return html`<p class="notice warn">The payment is being processed. You need not wait: this page follows by itself.</p>`;
};
