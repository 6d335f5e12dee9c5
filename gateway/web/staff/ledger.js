// The ledger: every movement of money, and what the accounts come to.

import { call } from '../api.js';
import { formatMoney, fromNanos, toNanos } from '../money.js';
import { field, moment, press, shortId } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { table } from './common.js';
import { listPage } from './list.js';
import { accountName, paymentLink } from './words.js';

/** What an entry was made for. */
const purpose = ({ refundId, disputeId, providerReference }) => {
  if (refundId) return `Refund ${shortId(refundId)}`;
  if (!disputeId) return 'Capture';
  return providerReference ? `Fee ${providerReference} of dispute ${shortId(disputeId)}` : `Dispute ${shortId(disputeId)}`;
};

/** An entry of the ledger. */
export const entryColumns = [
  { label: 'Account', cell: ({ account }) => accountName(account) },
  { label: 'For', cell: purpose },
  { label: 'Payment', cell: ({ paymentId }) => paymentLink(paymentId) },
  { label: 'When', cell: ({ createTime }) => moment(createTime) },
  { label: 'Amount', number: true, cell: ({ amount }) => formatMoney(amount) },
];

/** The time of an input, which is here, as the API's. */
const timeOf = (text) => (text ? new Date(text).toISOString() : undefined);

const queryOf = ({ payment, account, from, to }) => ({
  paymentId: payment,
  account,
  createdAfter: timeOf(from),
  createdBefore: timeOf(to),
});

/** What accounts come to, by currency, exactly. */
export function balances(entries, before = new Map()) {
  const all = new Map(before);
  for (const { account, amount } of entries) {
    const key = `${account} ${amount.currencyCode}`;
    all.set(key, (all.get(key) ?? 0n) + toNanos(amount));
  }
  return all;
}

const rowsOf = (all) =>
  [...all].sort(([one], [other]) => one.localeCompare(other)).map(([key, nanos]) => {
    const [account, currency] = key.split(' ');
    return { account, currency, nanos };
  });

const balanceSheet = (all, title) => {
  const rows = rowsOf(all);
  const together = new Map();
  for (const { currency, nanos } of rows) together.set(currency, (together.get(currency) ?? 0n) + nanos);
  return html`
    <section class="panel balances" aria-label=${title}>
      <h2>${title}</h2>
      <dl class="sums">
        ${rows.map(({ account, currency, nanos }) => html`<div><dt>${accountName(account)}</dt><dd>${formatMoney(fromNanos(nanos, currency))}</dd></div>`)}
        ${[...together].map(([currency, nanos]) => html`<div class="all"><dt>Together</dt><dd>${formatMoney(fromNanos(nanos, currency))}</dd></div>`)}
      </dl>
    </section>
  `;
};

const form = (values) => html`
  ${field({ name: 'account', label: 'Account', value: values.account, options: [['', 'All'], ['customer', 'Customers'], ['provider:simulated', 'Provider simulated'], ['provider:stripe', 'Provider stripe'], ['provider:spacecash', 'Provider spacecash'], ['by_hand', 'Given back by hand'], ['disputed', 'Taken back by banks'], ['dispute_fees', 'Fees for disputes']] })}
  ${field({ name: 'payment', label: 'Payment', value: values.payment, pattern: 'pay_[0-7][0-9a-hjkmnp-tv-z]{25}', title: 'its whole id, pay_…', spellcheck: 'false' })}
  ${field({ name: 'from', label: 'From', type: 'datetime-local', value: values.from })}
  ${field({ name: 'to', label: 'to', type: 'datetime-local', value: values.to })}
`;

export default function page(view) {
  // What everything comes to, once it was asked for, and under which filter.
  let whole;
  let list;
  let values;
  const addUp = press(async () => {
    let all = new Map();
    let pageToken = '';
    const asked = values;
    do {
      const query = { ...queryOf(asked), pageSize: 1000, pageToken };
      const next = await call('GET', '/v1/ledgerEntries', { query, signal: view.signal });
      all = balances(next.entries, all);
      pageToken = next.nextPageToken;
    } while (pageToken);
    whole = { all, asked };
    await list.read();
  });
  return listPage(view, {
    title: 'Ledger',
    path: '/v1/ledgerEntries',
    plural: 'entries',
    filters: ['account', 'payment', 'from', 'to'],
    form,
    columns: entryColumns,
    // Even, so that both sides of a movement are on one page.
    pageSize: 50,
    query: (given) => {
      values = given;
      return queryOf(given);
    },
    none: () => ({ title: 'No such entries', text: 'Money that is captured or given back is written here. Take a filter away to see more.' }),
    below: (entries) => html`
      <div class="halves even">
        ${balanceSheet(balances(entries), 'On this page')}
        ${whole && whole.asked === values
          ? balanceSheet(whole.all, 'On all pages')
          : html`<p><button class="plain" @click=${addUp}>Add up all pages</button></p>`}
      </div>
    `,
  }).then((it) => (list = it));
}
