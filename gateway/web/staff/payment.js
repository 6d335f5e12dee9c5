// One payment: its money, its refunds, its part of the ledger, and what can be done now.

import { call } from '../api.js';
import { ask } from '../ask.js';
import { formatMoney, sign } from '../money.js';
import { failureText } from '../shop/parts.js';
import { skeleton } from '../states.js';
import { moment, press, shortId, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { anew, every, facts, frame, heading, table } from './common.js';
import { entryColumns } from './ledger.js';
import { refund } from './refund.js';
import { mayCall } from './rights.js';
import { disputeBadge, flagBadge, isPending, isRefundable, orderLink, paymentBadge, refundBadge, userLink } from './words.js';

const above = html`<a href="/staff/payments">Payments</a>`;
/** How often one that is not settled is looked at anew. */
const PENDING_MS = 4000;

/** What can be done in a state, besides refunds: a verb of the API, a button, and what is asked first. */
const ACTIONS = {
  capture: {
    rpc: 'CapturePayment',
    in: ['AUTHORIZED'],
    button: 'Capture…',
    title: 'Capture this payment?',
    text: 'The whole amount is taken; the order is then paid.',
    action: 'Capture it',
    told: 'The money is the shop’s.',
  },
  acknowledge: {
    rpc: 'AcknowledgePayment',
    in: ['PROCESSING'],
    button: 'Acknowledge…',
    title: 'Has the money arrived?',
    text: 'The provider is asked to acknowledge the payment; the order is then paid.',
    action: 'Acknowledge it',
    told: 'The payment is acknowledged.',
  },
  void: {
    rpc: 'VoidPayment',
    in: ['PENDING', 'PROCESSING', 'AUTHORIZED'],
    button: 'Void…',
    title: 'Give this payment up?',
    text: 'Nothing is charged; the order goes on waiting for another payment.',
    action: 'Void the payment',
    danger: true,
    told: 'The payment is given up.',
  },
  settleCaptured: {
    rpc: 'SettlePayment',
    in: ['UNKNOWN'],
    verb: 'settle',
    body: { outcome: 'SETTLE_OUTCOME_CAPTURED' },
    button: 'It was paid…',
    title: 'Settle it as paid?',
    text: 'Only where you have seen at the provider that the money came. The order is then paid.',
    action: 'The money came',
    danger: true,
    told: 'The payment is settled: it was paid.',
  },
  settleFailed: {
    rpc: 'SettlePayment',
    in: ['UNKNOWN'],
    verb: 'settle',
    body: { outcome: 'SETTLE_OUTCOME_FAILED' },
    button: 'It failed…',
    title: 'Settle it as failed?',
    text: 'Only where you have seen at the provider that no money came. The customer can then pay another way.',
    action: 'No money came',
    danger: true,
    told: 'The payment is settled: it failed.',
  },
};

export default async function page(view) {
  const { signal } = view;
  const path = `/v1/payments/${view.params.id}`;
  view.title('Payment · Staff');
  frame(view, html`${heading('Payment', nothing, above)}${skeleton(6)}`);
  let payment;
  let refunds = [];
  let entries = [];
  let disputes = [];
  let events = [];

  const read = async () => {
    const get = (rest, query) => call('GET', rest, { query, signal });
    [payment, { refunds }, { entries }, { disputes }, { events }] = await Promise.all([
      get(path),
      get(`${path}/refunds`, { pageSize: 1000 }),
      mayCall('ListLedgerEntries') ? get('/v1/ledgerEntries', { paymentId: view.params.id, pageSize: 1000 }) : { entries: undefined },
      mayCall('ListDisputes') ? get(`${path}/disputes`, { pageSize: 1000 }) : { disputes: [] },
      mayCall('ListPaymentEvents') ? get(`${path}/events`, { pageSize: 1000 }) : { events: undefined },
    ]);
    draw();
  };
  const run = (verb, { body = {}, told, ...asked }) =>
    press(async () => {
      const work = () => call('POST', `${path}:${asked.verb ?? verb}`, { body });
      if (!(await ask({ ...asked, signal, work }))) return;
      await read();
      toast(payment.state === 'PAYMENT_STATE_UNKNOWN' ? 'The provider’s answer was lost: its outcome is not known yet.' : told);
    }, anew(read));
  const giveBack = press(async () => {
    if (await refund(payment, signal)) await read();
  }, anew(read));

  const draw = () => frame(view, template(payment, { refunds, entries, disputes, events }, run, giveBack));
  await read();
  view.title(`Payment ${shortId(payment.id)} · Staff`);
  every(view, PENDING_MS, async () => {
    const waits = isPending(payment.state) || refunds.some(({ state }) => state === 'REFUND_STATE_PENDING');
    // Not under an open dialog, whose question would change.
    if (waits && !document.querySelector('dialog[open]')) await read();
  });
}

const template = (payment, { refunds, entries, disputes, events }, run, giveBack) => html`
  ${heading(html`Payment ${shortId(payment.id)} ${paymentBadge(payment.state)} ${payment.flags.map(flagBadge)}`, actions(payment, run, giveBack), above)}
  ${news(payment)} ${payment.flags.map((flag) => (FLAGGED[flag] ? html`<p class="notice bad">${FLAGGED[flag]}</p>` : nothing))}
  <div class="halves">
    <div>
      <section class="panel">
        <h2>Money</h2>
        <dl class="sums">
          ${sum('Amount', payment.amount)} ${sign(payment.fee) ? sum('of which fee', payment.fee) : nothing}
          ${sum('Authorised', payment.authorized)} ${sum('Captured', payment.captured)} ${sign(payment.voided) ? sum('Voided', payment.voided) : nothing}
          ${sum('Given back', payment.refunded)} ${sign(payment.disputed) ? sum('Taken back by banks', payment.disputed) : nothing}
        </dl>
      </section>
      <section class="panel">
        <h2>Refunds</h2>
        ${refunds.length ? table('Refunds, the oldest first', refundColumns, refunds) : html`<p class="quiet">Nothing was given back.</p>`}
      </section>
      ${disputes.length ? html`<section class="panel"><h2>Disputes</h2>${table('Disputes, the oldest first', disputeColumns, disputes)}</section>` : nothing}
      ${!entries ? nothing : html`<section class="panel">
        <h2>Ledger</h2>
        ${entries.length ? table('Entries of this payment', entryColumns.filter(({ label }) => label !== 'Payment'), entries) : html`<p class="quiet">No money has moved.</p>`}
      </section>`}
    </div>
    <section class="panel">
      <h2>About it</h2>
      ${facts([
        ['Order', orderLink(payment.orderId)],
        ['Customer', userLink(payment.userId)],
        ['Payment type', payment.paymentType],
        ['Provider', payment.provider],
        ['The provider’s id', payment.providerReference ? html`<code>${payment.providerReference}</code>` : '', true],
        ['Made', moment(payment.createTime)],
        ['Changed', moment(payment.updateTime)],
        ['Id', html`<code>${payment.id}</code>`, true],
      ])}
      ${!events
        ? nothing
        : html`
            <h2>What happened</h2>
            <ol class="timeline">
              ${events.map(({ state, note, createTime }) => html`<li>${paymentBadge(state)} ${moment(createTime)} ${note ? html`<span class="quiet">${note}</span>` : nothing}</li>`)}
            </ol>
          `}
    </section>
  </div>
`;

/** What staff should know of a flag. */
const FLAGGED = {
  AMOUNT_MISMATCH: 'The provider says another amount than it was asked for. No order is paid by it: look there, then give it back or cancel the order.',
  CURRENCY_MISMATCH: 'The provider says another currency than it was asked for. No order is paid by it: look there, then give it back or cancel the order.',
  CAPTURED_AFTER_VOID: 'It was given up, and the provider took the money all the same. It goes back by itself.',
  REFUND_MISMATCH: 'Another amount went back than was asked for. The books say what the provider says.',
  DISPUTED: 'The customer has her bank take the money back. Answer it at the provider.',
  DISPUTE_LOST: 'A dispute was lost: the money is the customer’s.',
};

const disputeColumns = [
  { label: 'Amount', cell: ({ amount }) => formatMoney(amount) },
  { label: 'State', cell: ({ state, withdrawn }) => html`${disputeBadge(state)}${withdrawn ? html` <span class="badge">the bank has it</span>` : nothing}` },
  { label: 'Why', cell: ({ reason }) => reason.toLowerCase().replaceAll('_', ' ') },
  { label: 'Since', cell: ({ createTime }) => moment(createTime) },
];

const sum = (name, amount) => html`<div><dt>${name}</dt><dd>${formatMoney(amount)}</dd></div>`;

const actions = (payment, run, giveBack) => html`
  ${Object.entries(ACTIONS)
    .filter(([, { rpc }]) => mayCall(rpc))
    .filter(([, action]) => action.in.includes(payment.state.replace('PAYMENT_STATE_', '')))
    .map(([verb, { button, in: _, rpc, ...action }]) => html`<button class="plain" @click=${run(verb, action)}>${button}</button>`)}
  ${isRefundable(payment.state) && mayCall('RefundPayment') ? html`<button class="plain" @click=${giveBack}>Refund…</button>` : nothing}
`;

const news = ({ state, failureReason, actionUrl, provider }) => {
  if (state === 'PAYMENT_STATE_UNKNOWN')
    return html`<p class="notice bad">
      The answer of ${provider} was lost. Where it can be asked, that goes on by itself; else look there whether the money came, then settle it here.
    </p>`;
  if (failureReason) return html`<p class="notice">${failureText(failureReason)}</p>`;
  if (actionUrl) return html`<p class="notice warn">It waits for the customer to confirm it.</p>`;
  return nothing;
};

const refundColumns = [
  { label: 'Given back', cell: ({ amount }) => formatMoney(amount) },
  { label: 'State', cell: ({ state, byHand, atProvider }) => html`${refundBadge(state)}${byHand ? html` <span class="badge">by hand</span>` : nothing}${atProvider ? html` <span class="badge">at the provider</span>` : nothing}` },
  { label: 'Why', cell: ({ reason }) => reason || nothing },
  { label: 'When', cell: ({ createTime }) => moment(createTime) },
];
