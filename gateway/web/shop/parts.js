// What several pages show of an order.

import { formatMoney, fromNanos, sign, toNanos } from '../money.js';
import { html, nothing } from '../vendor/lit-html.js';

const STATES = {
  ORDER_STATE_OPEN: ['Basket', ''],
  ORDER_STATE_CHECKING_OUT: ['Being checked out', 'warn'],
  ORDER_STATE_AWAITING_PAYMENT: ['Awaiting payment', 'warn'],
  ORDER_STATE_PAID: ['Paid', 'good'],
  ORDER_STATE_SHIPPED: ['On its way', 'good'],
  ORDER_STATE_DELIVERED: ['Delivered', 'good'],
  ORDER_STATE_CANCELLED: ['Cancelled', 'bad'],
  ORDER_STATE_EXPIRED: ['Not paid in time', 'bad'],
};

/** Whether nothing more will happen to an order. */
export const isFinal = (state) =>
  ['ORDER_STATE_DELIVERED', 'ORDER_STATE_CANCELLED', 'ORDER_STATE_EXPIRED'].includes(state);

/** A state in words. */
export const stateName = (state) => STATES[state]?.[0] ?? state;

/** A state as a badge. */
export const stateBadge = (state) => html`<span class="badge ${STATES[state]?.[1] ?? ''}">${stateName(state)}</span>`;

/** Whether some of its money was given back, and whether all of it. */
export const isRefunded = ({ refunded }) => Boolean(refunded) && sign(refunded) > 0;
export const isRefundedInFull = (order) => isRefunded(order) && !isForeign(order) && toNanos(order.refunded) >= toNanos(order.total);
/** What was taken in another currency paid for nothing: what went back of it is no part of the total. */
const isForeign = ({ refunded, total }) => refunded.currencyCode !== total.currencyCode;

/** What was given back of an order, or is about to be, as a badge. */
export const refundBadge = (order) => {
  if (order.refunding) return html`<span class="badge warn">Being refunded</span>`;
  if (!isRefunded(order)) return nothing;
  return html`<span class="badge">${isForeign(order) || isRefundedInFull(order) ? 'Refunded' : 'Partly refunded'}</span>`;
};

/** Why a payment failed, in words. */
export const failureText = (reason) =>
  ({
    DECLINED: 'It was declined.',
    INSUFFICIENT_FUNDS: 'There was not enough money in the account.',
    ACTION_EXPIRED: 'It was not confirmed in time.',
    PROVIDER_UNAVAILABLE: 'The payment provider could not be reached.',
    AMOUNT_MISMATCH: 'The payment provider took another amount than was asked for. The shop has been told and sees to it.',
    CURRENCY_MISMATCH: 'The payment provider took another currency than was asked for. The shop has been told and sees to it.',
    CAPTURED_AFTER_VOID: 'It came after it had been given up, and goes back to you.',
  })[reason] ?? `The provider says: ${reason.toLowerCase().replaceAll('_', ' ')}.`;

/** Whether a payment's address is one that a browser may be sent to. */
export const isPage = (url) => /^https?:\/\//.test(url ?? '');

/** What an order costs, down to its total. */
export const sums = (order) => html`
  <dl class="sums">
    <div><dt>Articles</dt><dd>${formatMoney(order.subtotal)}</dd></div>
    ${order.adjustments.map(
      ({ label, amount, given, type }) => html`
        <div>
          <dt>${label || adjustmentName(type)}${same(amount, given) ? nothing : html` <span class="quiet">of ${formatMoney(given)}</span>`}</dt>
          <dd>${formatMoney(amount)}</dd>
        </div>
      `,
    )}
    <div class="all"><dt>Total</dt><dd>${formatMoney(order.total)}</dd></div>
    ${order.taxIncluded && sign(order.taxIncluded)
      ? html`<div class="quiet"><dt>Tax included</dt><dd>${formatMoney(order.taxIncluded)}</dd></div>`
      : nothing}
    ${isRefunded(order)
      ? html`<div><dt>Refunded</dt><dd>${formatMoney(fromNanos(-toNanos(order.refunded), order.refunded.currencyCode))}</dd></div>`
      : nothing}
  </dl>
`;

/** What an adjustment comes to is what was given, unless the order has no room for it. */
const same = (amount, given) =>
  !given || (amount.currencyCode === given.currencyCode && String(amount.units) === String(given.units) && amount.nanos === given.nanos);

const adjustmentName = (type) =>
  ({ ADJUSTMENT_TYPE_SHIPPING: 'Shipping', ADJUSTMENT_TYPE_FEE: 'Fee', ADJUSTMENT_TYPE_DISCOUNT: 'Discount' })[type] ?? 'Other';

/** A postal address. */
export const postal = (address) => html`
  <address>
    ${address.recipient}<br />
    ${address.lines.map((line) => html`${line}<br />`)}
    ${[address.postalCode, address.city].filter(Boolean).join(' ')}<br />
    ${address.region ? html`${address.region}<br />` : nothing} ${countryName(address.countryCode)}
  </address>
`;

/** A country's name in the browser's language. */
export function countryName(code) {
  try {
    return new Intl.DisplayNames(undefined, { type: 'region' }).of(code) ?? code;
  } catch {
    return code;
  }
}
