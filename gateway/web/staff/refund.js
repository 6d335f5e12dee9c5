// Giving money back: asked for at an order and at a payment.

import { call } from '../api.js';
import { ask } from '../ask.js';
import { formatMoney, fromNanos, sign, toDecimal, toNanos } from '../money.js';
import { field, toast } from '../ui.js';
import { html } from '../vendor/lit-html.js';
import { amountOf, invalid } from './common.js';

/** What of a payment can still be given back. */
export const leftOf = ({ captured, refunded, amount }) =>
  fromNanos(toNanos(captured) - toNanos(refunded), amount.currencyCode);

/** Asks how much is to be given back, and does it. Resolves to the refund; to undefined where it is left. */
export async function refund(payment, signal) {
  const left = leftOf(payment);
  const { currencyCode } = left;
  const result = await ask({
    title: 'Give money back',
    text: html`${formatMoney(left)} of this payment can be given back. It goes the way it came, and cannot be taken back.`,
    action: 'Give it back',
    danger: true,
    signal,
    fields: html`
      ${field({ id: 'd-amount', name: 'amount', label: `Amount in ${currencyCode}`, value: toDecimal(left), required: true, inputmode: 'decimal', autocomplete: 'off' })}
      ${field({ id: 'd-reason', name: 'reason', label: 'Why', maxlength: 500, autocomplete: 'off' })}
    `,
    work: (values) => {
      const amount = amountOf(values.amount, currencyCode, 'amount');
      if (sign(amount) <= 0) throw invalid('amount', 'must be more than zero');
      if (toNanos(amount) > toNanos(left)) throw invalid('amount', `must be ${formatMoney(left)} or less`);
      return call('POST', `/v1/payments/${payment.id}:refund`, { body: { amount, reason: values.reason } });
    },
  });
  if (result) tell(result);
  return result;
}

function tell({ state, amount, byHand }) {
  if (state === 'REFUND_STATE_FAILED') toast('The provider refused it: no money went back. Try again later, or give it back by hand.', 'bad');
  else if (byHand) toast(`Noted. This provider gives no money back: pay ${formatMoney(amount)} to the customer by hand.`);
  else if (state === 'REFUND_STATE_PENDING') toast(`${formatMoney(amount)} is on its way back.`);
  else toast(`${formatMoney(amount)} was given back.`);
}
