// What staff do to an order. Each asks first, and gives the order as it is then; undefined where it was left.

import { call } from '../api.js';
import { ask } from '../ask.js';
import { sign, toNanos, fromNanos } from '../money.js';
import { field } from '../ui.js';
import { html } from '../vendor/lit-html.js';
import { isRefundedInFull } from '../shop/parts.js';
import { amountOf, invalid } from './common.js';

const path = ({ id }) => `/v1/orders/${id}`;

const parcel = (order) => html`
  ${field({ id: 'd-carrier', name: 'carrier', label: 'Carrier', value: order.carrier, maxlength: 100, autocomplete: 'off' })}
  ${field({ id: 'd-trackingCode', name: 'trackingCode', label: 'Tracking code', value: order.trackingCode, maxlength: 100, autocomplete: 'off', spellcheck: 'false' })}
`;

/** It is on its way. */
export const ship = (order, signal) =>
  ask({
    ...(isRefundedInFull(order) ? REFUNDED : order.refunding ? REFUNDING : PAID),
    fields: parcel(order),
    signal,
    work: (values) => call('POST', `${path(order)}:ship`, { body: { ...values, etag: order.etag, force: isRefundedInFull(order) || order.refunding } }),
  });
const PAID = {
  title: 'Ship this order',
  text: 'The customer sees who brings it, and by which code to follow it.',
  action: 'It is on its way',
};
const REFUNDED = {
  title: 'Ship it although it is refunded?',
  text: 'All of its money was given back: whoever ships it gives it away.',
  action: 'Ship it all the same',
  danger: true,
};
const REFUNDING = {
  ...REFUNDED,
  title: 'Ship it although it is being refunded?',
  text: 'All of its money is about to be given back: whoever ships it gives it away.',
};

/** Units of it came back. */
export const takeBack = (order, line, signal) => {
  const most = line.quantity - line.returned;
  return ask({
    title: `Take ${line.name} back`,
    text: 'It is free to be sold again, and no longer counts as bought. Its money is given back by a refund.',
    action: 'It came back',
    fields: html`
      ${field({ id: 'd-delta', name: 'delta', label: `Units, at most ${most}`, type: 'number', value: '1', min: 1, max: most, required: true, inputmode: 'numeric' })}
      ${field({ id: 'd-note', name: 'note', label: 'Note', maxlength: 500, autocomplete: 'off' })}
    `,
    signal,
    work: ({ delta, note }) => {
      const body = { delta, note, reason: 'STOCK_REASON_RETURNED', orderId: order.id };
      return call('POST', `/v1/articles/${line.articleId}/stock:adjust`, { body });
    },
  });
};

/** It has arrived. */
export const deliver = (order, signal) =>
  ask({
    title: 'Has it arrived?',
    text: 'The order is then done; nothing more can be changed.',
    action: 'It has arrived',
    signal,
    work: () => call('POST', `${path(order)}:deliver`, { body: { etag: order.etag } }),
  });

const LOSS = {
  ORDER_STATE_OPEN: 'The basket is emptied for good.',
  ORDER_STATE_PAID: 'Its articles go back into stock, and the customer’s money is given back.',
};

/** It is given up. */
export const cancel = (order, signal) =>
  ask({
    title: 'Cancel this order?',
    text: LOSS[order.state] ?? 'Its articles go back into stock; nothing is charged.',
    action: 'Cancel the order',
    danger: true,
    fields: field({ id: 'd-reason', name: 'reason', label: 'Why', hint: 'the customer reads it', maxlength: 500, autocomplete: 'off' }),
    signal,
    work: ({ reason }) => call('POST', `${path(order)}:cancel`, { body: { reason, etag: order.etag } }),
  });

const TYPES = [
  ['ADJUSTMENT_TYPE_DISCOUNT', 'Discount: takes off'],
  ['ADJUSTMENT_TYPE_SHIPPING', 'Shipping: adds'],
  ['ADJUSTMENT_TYPE_FEE', 'Fee: adds'],
];

/** Something is added to its total, or taken off it. */
export const adjustTotal = (order, signal) => {
  const { currencyCode } = order.total;
  return ask({
    title: 'Change the total',
    action: 'Change it',
    fields: html`
      ${field({ id: 'd-type', name: 'type', label: 'What for', options: TYPES, required: true })}
      ${field({ id: 'd-label', name: 'label', label: 'What the customer reads', required: true, maxlength: 200, autocomplete: 'off' })}
      ${field({ id: 'd-amount', name: 'amount', label: `Amount in ${currencyCode}`, required: true, inputmode: 'decimal', autocomplete: 'off' })}
    `,
    signal,
    work: ({ type, label, amount: text }) => {
      const amount = amountOf(text.replace(/^[-−]/, ''), currencyCode, 'amount');
      if (!amount || sign(amount) <= 0) throw invalid('amount', 'must be more than zero');
      const signed = type === 'ADJUSTMENT_TYPE_DISCOUNT' ? fromNanos(-toNanos(amount), currencyCode) : amount;
      return call('POST', `${path(order)}/adjustments`, { body: { type, label, amount: signed, etag: order.etag } });
    },
  });
};

/** One of these is taken out again. */
export const removeAdjustment = (order, { id, label }, signal) =>
  ask({
    title: `Take “${label}” out?`,
    text: 'The total is then what it is without it.',
    action: 'Take it out',
    danger: true,
    signal,
    work: () => call('DELETE', `${path(order)}/adjustments/${id}`, { query: { etag: order.etag } }),
  });
