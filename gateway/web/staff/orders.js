// Everybody's orders.

import { call } from '../api.js';
import { download, today } from '../download.js';
import { formatMoney } from '../money.js';
import { refundBadge, stateBadge, stateName } from '../shop/parts.js';
import { day, field, press, shortId, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { userIdOf } from './common.js';
import { FURTHER, amountsOf, further, listPage } from './list.js';
import { mayCall } from './rights.js';
import { userLink } from './words.js';

const STATES = ['OPEN', 'CHECKING_OUT', 'AWAITING_PAYMENT', 'PAID', 'SHIPPED', 'DELIVERED', 'CANCELLED', 'EXPIRED'];
const STATE_OPTIONS = [
  ['', 'All but baskets'],
  ...STATES.map((state) => [state, state === 'PAID' ? 'Paid, to be shipped' : stateName(`ORDER_STATE_${state}`)]),
];

const REFUNDED_OPTIONS = [
  ['', 'Or not'],
  ['none', 'Not at all'],
  ['partial', 'In part'],
  ['full', 'In full'],
];

/** The beginning of a day here, some days on, as the API's time. */
function dayOf(text, later = 0) {
  if (!text) return undefined;
  const [year, month, date] = text.split('-').map(Number);
  return new Date(year, month - 1, date + later).toISOString();
}

/** Paid orders are those to be shipped, unless it is asked for what was refunded of them. */
const isToShip = ({ state, refunded }) => state === 'PAID' && !refunded;

/** What a list and an export both know. Who searches may mean a basket, too. */
const filterOf = async ({ q, state, refunded, from, to, customer, owing }, signal) => ({
  toShip: isToShip({ state, refunded }) || undefined,
  state: (state ? [state] : q ? [] : STATES.slice(1)).map((name) => `ORDER_STATE_${name}`),
  refunded: refunded || undefined,
  placedAfter: dayOf(from),
  placedBefore: dayOf(to, 1),
  userId: await userIdOf(customer, 'customer', signal),
  owing: owing ? true : undefined,
});

const OWING = [['', 'Any'], ['yes', 'To be given back']];
const SORTS = [['', 'As usual'], ['newest', 'Newest first'], ['oldest', 'Oldest first']];

/** What is to be shipped waits in a queue; all else is looked up. */
const orderOf = ({ sort, state }) => (sort === 'oldest' || (!sort && state === 'PAID') ? 'place_time' : undefined);

const form = (values) => html`
  ${field({ name: 'q', label: 'Search', type: 'search', value: values.q, placeholder: 'number, name, tracking', maxlength: 200, autocapitalize: 'none', spellcheck: 'false' })}
  ${field({ name: 'state', label: 'State', value: values.state, options: STATE_OPTIONS })}
  ${field({ name: 'refunded', label: 'Refunded', value: values.refunded, options: REFUNDED_OPTIONS })}
  ${field({ name: 'from', label: 'Placed from', type: 'date', value: values.from })}
  ${field({ name: 'to', label: 'to', type: 'date', value: values.to })}
  ${field({ name: 'sort', label: 'Order', value: values.sort, options: SORTS })}
  ${field({ name: 'owing', label: 'Money', value: values.owing, options: OWING })}
  ${further(values, 'Total')}
`;

/** An order's articles in a few words. */
export const contents = ({ lines: [first, ...others] }) =>
  first ? `${first.quantity} × ${first.name}${others.length ? ` and ${others.length} more` : ''}` : 'nothing yet';

/** An order by its number and what is in it. */
export const orderCell = (order) => html`
  <a class="whole" href="/staff/orders/${order.id}">${order.number}</a><span class="quiet note">${contents(order)}</span>
`;

const columns = [
  { label: 'Order', cell: orderCell },
  { label: 'For', cell: ({ address, userId }) => userLink(userId, address?.recipient ?? shortId(userId)) },
  { label: 'Placed', cell: ({ placeTime, createTime }) => day(placeTime ?? createTime) },
  { label: 'State', cell: (order) => html`${stateBadge(order.state)} ${refundBadge(order)}` },
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
    filters: ['q', 'state', 'refunded', 'from', 'to', 'sort', 'owing', ...FURTHER],
    form,
    columns,
    query: async (values, signal) => ({
      ...amountsOf(values, 'Total'),
      ...(await filterOf(values, signal)),
      query: values.q,
      orderBy: orderOf(values),
    }),
    // How many there are, where the state is all that is asked for.
    total: async ({ sort, state, currency, ...others }, signal) => {
      if (!state || Object.values(others).some(Boolean)) return undefined;
      const query = { state: `ORDER_STATE_${state}`, toShip: isToShip({ state }) || undefined };
      const { count } = await call('GET', '/v1/orders:count', { query, signal });
      return count;
    },
    none: ({ q }) =>
      q
        ? { title: 'No such orders', text: 'Orders are found by their number, a tracking code, or words of a customer’s name, username or e-mail.' }
        : { title: 'No such orders', text: 'Take a filter away to see more.' },
    // An export knows no search.
    tools: (values) => (values.q || !mayCall('ExportOrders') ? nothing : html`<button class="plain" @click=${save(values)}>Export</button>`),
  });
}
