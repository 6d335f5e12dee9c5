// All payments.

import { formatMoney, sign } from '../money.js';
import { day, field, shortId } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { userIdOf } from './common.js';
import { FURTHER, amountsOf, further, listPage } from './list.js';
import { PAYMENT_STATE_OPTIONS, flagBadge, orderLink, paymentBadge } from './words.js';

const PENDING = [['', 'All'], ['yes', 'Not settled yet'], ['no', 'Settled']];

const form = (values) => html`
  ${field({ name: 'pending', label: 'Which', value: values.pending, options: PENDING })}
  ${field({ name: 'state', label: 'State', value: values.state, options: [['', 'Any'], ...PAYMENT_STATE_OPTIONS] })}
  ${field({ name: 'flagged', label: 'To look at', value: values.flagged, options: [['', 'All'], ['yes', 'Flagged'], ['no', 'Not flagged']] })}
  ${field({ name: 'type', label: 'Payment type', value: values.type, inputmode: 'numeric', pattern: '[1-9][0-9]{0,8}', title: 'its number', maxlength: 9 })}
  ${further(values, 'Amount')}
`;

const columns = [
  {
    label: 'Payment',
    cell: (payment) => html`<a class="whole" href="/staff/payments/${payment.id}">${shortId(payment.id)}</a><span class="quiet note">${payment.provider}, type ${payment.paymentType}</span>`,
  },
  { label: 'Order', cell: ({ orderId }) => orderLink(orderId) },
  { label: 'Made', cell: ({ createTime }) => day(createTime) },
  { label: 'State', cell: ({ state, flags }) => html`${paymentBadge(state)} ${flags.map(flagBadge)}` },
  { label: 'Given back', number: true, cell: ({ refunded }) => (sign(refunded) ? formatMoney(refunded) : nothing) },
  { label: 'Amount', number: true, cell: ({ amount, captured, flags }) => html`${formatMoney(amount)}${flags.includes('AMOUNT_MISMATCH') ? html`<span class="quiet note">${formatMoney(captured)} taken</span>` : nothing}` },
];

export default (view) =>
  listPage(view, {
    title: 'Payments',
    path: '/v1/payments',
    plural: 'payments',
    filters: ['pending', 'state', 'flagged', 'type', ...FURTHER],
    form,
    columns,
    query: async (values, signal) => ({
      ...amountsOf(values, 'Amount'),
      pending: { yes: true, no: false }[values.pending],
      state: values.state,
      flagged: { yes: true, no: false }[values.flagged],
      paymentType: values.type,
      userId: await userIdOf(values.customer, 'customer', signal),
    }),
    none: () => ({ title: 'No such payments', text: 'Take a filter away to see more.' }),
  });
