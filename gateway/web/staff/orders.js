// Everybody's orders.

import { formatMoney } from '../money.js';
import { stateBadge, stateName } from '../shop/parts.js';
import { day, field, press, shortId, toast } from '../ui.js';
import { html } from '../vendor/lit-html.js';
import { download, today, userIdOf } from './common.js';
import { FURTHER, amountsOf, further, listPage } from './list.js';

const STATES = ['OPEN', 'CHECKING_OUT', 'AWAITING_PAYMENT', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'EXPIRED'];
const STATE_OPTIONS = [
  ['', 'All but baskets'],
  ...STATES.map((state) => [state, state === 'PAID' ? 'Paid, to be shipped' : stateName(`ORDER_STATE_${state}`)]),
];

/** The beginning of a day here, some days on, as the API's time. */
function dayOf(text, later = 0) {
  if (!text) return undefined;
  const [year, month, date] = text.split('-').map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

/** What a list and an export both know. */
const filterOf = async ({ state, from, to, customer }, signal) => ({
  state: (state ? [state] : STATES.slice(1)).map((name) => `ORDER_STATE_${name}`),
  placedAfter: dayOf(from),
  placedBefore: dayOf(to, 1),
  userId: await userIdOf(customer, 'customer', signal),
});

const form = (values) => html`
  ${field({ name: 'state', label: 'State', value: values.state, options: STATE_OPTIONS })}
  ${field({ name: 'from', label: 'Placed from', type: 'date', value: values.from })}
  ${field({ name: 'to', label: 'to', type: 'date', value: values.to })}
  ${further(values, 'Total')}
`;

/** An order's articles in a few words. */
export const contents = ({ lines: [first, ...others] }) =>
  first ? `${first.quantity} × ${first.name}${others.length ? ` and ${others.length} more` : ''}` : 'nothing yet';

/** An order by the end of its id and what is in it. */
export const orderCell = (order) => html`
  <a class="whole" href="/staff/orders/${order.id}">${shortId(order.id)}</a><span class="quiet note">${contents(order)}</span>
`;

const columns = [
  { label: 'Order', cell: orderCell },
  { label: 'For', cell: ({ address, userId }) => html`<a href="/staff/users/${userId}">${address?.recipient ?? shortId(userId)}</a>` },
  { label: 'Placed', cell: ({ placeTime, createTime }) => day(placeTime ?? createTime) },
  { label: 'State', cell: ({ state }) => stateBadge(state) },
  { label: 'Total', number: true, cell: ({ total }) => formatMoney(total) },
];

export default function page(view) {
  const save = (values) =>
    press(async () => {
      const name = `orders-${today()}.csv`;
      const query = await filterOf(values, view.signal);
      await download('/v1/orders:export', { query, accept: 'text/csv', name, signal: view.signal });
      toast(values.min || values.max ? `${name} is saved; it has orders of any total.` : `${name} is saved.`);
    });
  return listPage(view, {
    title: 'Orders',
    path: '/v1/orders',
    plural: 'orders',
    filters: ['state', 'from', 'to', ...FURTHER],
    form,
    columns,
    query: async (values, signal) => ({ ...amountsOf(values, 'Total'), ...(await filterOf(values, signal)) }),
    none: () => ({ title: 'No such orders', text: 'Take a filter away to see more.' }),
    tools: (values) => html`<button class="plain" @click=${save(values)}>Export</button>`,
  });
}
