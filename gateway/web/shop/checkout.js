// The checkout: where it goes, how it is paid, what it costs. At `/checkout` for the basket, at
// `/orders/{id}/pay` for an order whose payment did not go through.

import { call } from '../api.js';
import { basketIs, readBasket } from '../basket.js';
import { formatMoney, fromNanos, share, sign, toNanos } from '../money.js';
import { go } from '../router.js';
import { empty, skeleton } from '../states.js';
import { showErrors, submit } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { addressFields, addressOf } from './address-form.js';
import { failureText, isPage, postal, sums } from './parts.js';
import { lookUp, pictureOf } from './pictures.js';

/** What the simulated provider takes instead of a card. */
const SIMULATED = {
  sim_approve: 'A card that pays',
  sim_decline: 'A card that is declined',
  sim_insufficient: 'A card without enough money',
  sim_slow: 'A slow one',
  sim_action: 'One that you must confirm at your bank',
};

/** Refusals of an order that was paid, or is no longer to be, since this page was drawn. */
const OVERTAKEN = ['ILLEGAL_STATE', 'PROVIDER_REFUSED'];

export default async function page(view) {
  const waiting = view.params.id;
  const title = waiting ? 'Pay another way' : 'Check out';
  view.title(title);
  view.show(html`<div class="medium"><h1>${title}</h1>${skeleton(3, 'card')}</div>`);

  const read = () => (waiting ? call('GET', `/v1/orders/${waiting}`, { signal: view.signal }) : readBasket(view.signal));
  let [order, { addresses }, { paymentTypes }] = await Promise.all([
    read(),
    call('GET', '/v1/users/me/addresses', { query: { pageSize: 50 }, signal: view.signal }),
    call('GET', '/v1/paymentTypes', { signal: view.signal }),
  ]);
  if (waiting && order.state !== 'ORDER_STATE_AWAITING_PAYMENT') return go(`/orders/${waiting}`, { replace: true });
  if (!order?.lines.length) {
    const link = html`<a class="button" href="/">Look around</a>`;
    return view.show(html`<h1>${title}</h1>${empty('There is nothing to pay', 'Your basket is empty.', link)}`);
  }
  const usable = paymentTypes.filter((type) => feeOf(type, order));
  let type = usable.find(({ paymentType }) => paymentType === order.paymentType) ?? usable[0];
  let addressId = addresses.at(-1)?.id ?? '';
  let notice;

  const place = submit(
    async (values) => {
      notice = undefined;
      const body = { paymentType: type.paymentType, paymentMethod: values.paymentMethod, etag: order.etag };
      if (!order.address || !waiting) {
        if (!addressId) {
          const made = await call('POST', '/v1/users/me/addresses', { body: addressOf(values) });
          addresses.push(made);
          addressId = made.id;
          draw();
        }
        body.addressId = addressId;
      }
      const placed = await call('POST', `/v1/orders/${waiting ?? 'open'}:checkout`, { body });
      basketIs(placed);
      // Back from there leads to the order as it is by then, not to a form that would pay it again.
      await go(`/orders/${placed.id}`, { replace: true });
      if (type.hostedPage && isPage(placed.paymentActionUrl)) location.assign(placed.paymentActionUrl);
    },
    async (error) => {
      if (!['PRICE_CHANGED', 'OUT_OF_STOCK', 'ARTICLE_INACTIVE', 'CURRENCY_MISMATCH', 'ETAG_MISMATCH', ...OVERTAKEN].includes(error.reason)) return false;
      const before = order;
      order = await read();
      if (!order?.lines.length || OVERTAKEN.includes(error.reason)) {
        await go(`/orders/${before.id}`, { replace: true });
        return true;
      }
      notice = named(error, before);
      draw();
      showErrors(document.querySelector('form.checkout'), error);
      return true;
    },
  );
  const draw = () => {
    const choose = (other) => () => {
      type = other;
      draw();
    };
    const to = (id) => () => {
      addressId = id;
      draw();
    };
    view.show(html`
      <div class="medium">
        <h1 tabindex="-1">${title}</h1>
        ${order.paymentFailure ? html`<p class="notice warn">${failureText(order.paymentFailure)} Your articles are held for you.</p>` : nothing}
        <form class="checkout" @submit=${place}>
          ${notice ? html`<ul class="notice bad">${notice.map((text) => html`<li>${text}</li>`)}</ul>` : nothing}
          <fieldset class="panel">
            <legend><h2>Where it goes</h2></legend>
            ${waiting && order.address ? postal(order.address) : destination(addresses, addressId, to)}
          </fieldset>
          <fieldset class="panel">
            <legend><h2>How you pay</h2></legend>
            ${usable.length > 1 ? usable.map((one) => way(one, one === type, choose(one), order)) : nothing}
            ${type ? methods(type, usable.length === 1) : html`<p class="notice bad">Nothing can be paid in this currency right now. Please tell the shop.</p>`}
          </fieldset>
          <section class="panel">
            <h2>What it costs</h2>
            <ul class="short">
              ${order.lines.map((line) => html`<li>${pictureOf(line)}<span class="what">${line.quantity} × ${line.name}</span><span>${formatMoney(line.total)}</span></li>`)}
            </ul>
            ${sums(withFee(order, type))}
          </section>
          <div class="actions end">
            <a href=${waiting ? `/orders/${waiting}` : '/basket'}>Back</a>
            <button ?disabled=${!type}>Pay ${formatMoney(withFee(order, type).total)}</button>
          </div>
        </form>
      </div>
    `);
  };
  draw();
  await lookUp(order.lines, view.signal);
  draw();
  return undefined;
}

const destination = (addresses, chosen, to) => html`
  ${addresses.map(
    (address) => html`
      <div class="choice">
        <input type="radio" name="addressId" id="to-${address.id}" value=${address.id} .checked=${address.id === chosen} @change=${to(address.id)} />
        <label for="to-${address.id}">${postal(address)}</label>
      </div>
    `,
  )}
  ${addresses.length
    ? html`
        <div class="choice">
          <input type="radio" name="addressId" id="to-new" value="" .checked=${!chosen} @change=${to('')} />
          <label for="to-new">Another address</label>
        </div>
      `
    : nothing}
  ${chosen ? nothing : html`<div class="sub">${addressFields()}</div>`}
`;

const way = (type, chosen, choose, order) => {
  const fee = feeOf(type, order);
  const id = `type-${type.paymentType}`;
  return html`
    <div class="choice">
      <input type="radio" name="paymentType" id=${id} value=${type.paymentType} .checked=${chosen} @change=${choose} />
      <label for=${id}>${type.name} ${sign(fee) ? html`<span class="quiet">plus ${formatMoney(fee)}</span>` : nothing}</label>
    </div>
  `;
};

const methods = (type, alone) => {
  const { provider, paymentMethods, name, hostedPage } = type;
  const named = alone ? html`<p>${name}</p>` : nothing;
  if (hostedPage) return html`${named}<p class="hint">You pay on the payment provider's own page and come back here by yourself. Your articles are held meanwhile.</p>`;
  // Only the simulated provider has methods to choose from by name.
  if (!paymentMethods.length) return named;
  return html`
    <div class="field">
      <label for="f-paymentMethod">${alone || provider !== 'simulated' ? name : 'Simulated card'}</label>
      <select id="f-paymentMethod" name="paymentMethod" aria-describedby="f-paymentMethod-hint f-paymentMethod-error">
        ${paymentMethods.map((method) => html`<option value=${method}>${SIMULATED[method] ?? method}</option>`)}
      </select>
      ${provider === 'simulated'
        ? html`<p class="hint" id="f-paymentMethod-hint">This shop only plays at paying: no money moves. Choose what should happen.</p>`
        : html`<p class="hint" id="f-paymentMethod-hint"></p>`}
      <p class="error" id="f-paymentMethod-error"></p>
    </div>
  `;
};

const isFee = (adjustment) => adjustment.type === 'ADJUSTMENT_TYPE_FEE' && adjustment.automatic;

/** The fee of a payment type for an order, as the shop will reckon it; undefined where it takes no such currency. */
function feeOf({ flatFees, feePercentBasisPoints }, order) {
  const { currencyCode } = order.total;
  const flat = flatFees.find((fee) => fee.currencyCode === currencyCode);
  if (flatFees.length && !flat) return undefined;
  const before = order.adjustments.filter(isFee).reduce((sum, { amount }) => sum - toNanos(amount), toNanos(order.total));
  return fromNanos(toNanos(share(fromNanos(before, currencyCode), feePercentBasisPoints)) + toNanos(flat), currencyCode);
}

/** The order as it will be with a payment type's fee. */
function withFee(order, type) {
  const fee = type && feeOf(type, order);
  if (!fee) return order;
  const others = order.adjustments.filter((adjustment) => !isFee(adjustment));
  const adjustments = sign(fee) ? [...others, { type: 'ADJUSTMENT_TYPE_FEE', label: 'Payment fee', amount: fee }] : others;
  const total = adjustments.reduce((sum, { amount }) => sum + toNanos(amount), toNanos(order.subtotal));
  // The fee has tax in it, too: how much, the order says once it is placed.
  const taxIncluded = sign(fee) ? undefined : order.taxIncluded;
  return { ...order, adjustments, taxIncluded, total: fromNanos(total, order.total.currencyCode) };
}

const WHY = {
  OUT_OF_STOCK: ({ free }) => (Number(free) > 0 ? `only ${free} left.` : 'sold out.'),
  CURRENCY_MISMATCH: () => 'now sold in another currency; take it out and buy it separately.',
};

/** What is in the way, article by article. */
function named(error, order) {
  const name = (id) => order.lines.find((line) => line.articleId === id)?.name ?? 'An article';
  const texts = error.infos
    .filter(({ metadata }) => metadata?.article_id)
    .map(({ reason, metadata }) => `${name(metadata.article_id)}: ${WHY[reason]?.(metadata) ?? 'no longer for sale.'}`);
  return texts.length ? texts : undefined;
}
