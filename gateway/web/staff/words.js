// States, reasons and ids in words that people read, and as links.

import { currentUser } from '../session.js';
import { shortId } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { mayCall } from './rights.js';

const badge = (names) => (state) => {
  const [name, kind] = names[state] ?? [state, ''];
  return html`<span class="badge ${kind}">${name}</span>`;
};
const options = (names) => Object.entries(names).map(([state, [name]]) => [state, name]);

const PAYMENT_STATES = {
  PAYMENT_STATE_PENDING: ['Not sent yet', 'warn'],
  PAYMENT_STATE_PROCESSING: ['Waiting', 'warn'],
  PAYMENT_STATE_AUTHORIZED: ['Authorised', 'warn'],
  PAYMENT_STATE_CAPTURED: ['Captured', 'good'],
  PAYMENT_STATE_PARTIALLY_REFUNDED: ['Partly refunded', ''],
  PAYMENT_STATE_REFUNDED: ['Refunded', ''],
  PAYMENT_STATE_DECLINED: ['Declined', 'bad'],
  PAYMENT_STATE_VOIDED: ['Voided', ''],
  PAYMENT_STATE_UNKNOWN: ['Outcome unknown', 'bad'],
};

/** A payment's state as a badge. */
export const paymentBadge = badge(PAYMENT_STATES);

/** All of them, to choose from. */
export const PAYMENT_STATE_OPTIONS = options(PAYMENT_STATES);

/** Whether a payment may still change by itself. */
export const isPending = (state) => /_(PENDING|PROCESSING|AUTHORIZED|UNKNOWN)$/.test(state);

/** Whether a payment's money can be given back. */
export const isRefundable = (state) => /_(CAPTURED|PARTIALLY_REFUNDED)$/.test(state);

/** A refund's state as a badge. */
export const refundBadge = badge({
  REFUND_STATE_PENDING: ['Under way', 'warn'],
  REFUND_STATE_SUCCEEDED: ['Given back', 'good'],
  REFUND_STATE_FAILED: ['Refused', 'bad'],
});

const REASONS = {
  STOCK_REASON_RECEIVED: 'Received',
  STOCK_REASON_RETURNED: 'Returned by a customer',
  STOCK_REASON_WRITTEN_OFF: 'Written off',
  STOCK_REASON_CORRECTION: 'Counted anew',
  STOCK_REASON_RESERVED: 'Reserved',
  STOCK_REASON_RELEASED: 'Released',
  STOCK_REASON_SOLD: 'Sold',
  STOCK_REASON_RESTOCKED: 'Given back',
};

/** Why stock moved. */
export const stockReason = (reason) => REASONS[reason] ?? reason;

const ROLES = { ROLE_CUSTOMER: ['Customer', ''], ROLE_STAFF: ['Staff', 'good'], ROLE_ADMIN: ['Administrator', 'warn'] };

/** A role as a badge. */
export const roleBadge = badge(ROLES);

/** A user's roles as badges; `made` are those that administrators made, as far as they are known. */
export const roleBadges = ({ roles, roleIds }, made = []) => html`${roles.map(roleBadge)}${roleIds.map((id) => html`<span class="badge good">${made.find((role) => role.id === id)?.name ?? 'A role of this shop'}</span>`)}`;

/** All of them, to choose from. */
export const ROLE_OPTIONS = options(ROLES);

const FLAGS = {
  AMOUNT_MISMATCH: ['Another amount', 'bad'],
  CURRENCY_MISMATCH: ['Another currency', 'bad'],
  CAPTURED_AFTER_VOID: ['Taken after it was given up', 'bad'],
  REFUND_MISMATCH: ['Another refund', 'bad'],
  DISPUTED: ['Disputed', 'warn'],
  DISPUTE_LOST: ['Dispute lost', 'bad'],
};

/** A payment's flag as a badge. */
export const flagBadge = badge(FLAGS);

/** Where a dispute stands. */
export const disputeBadge = badge({
  DISPUTE_STATE_OPEN: ['Open', 'warn'],
  DISPUTE_STATE_WON: ['Won', 'good'],
  DISPUTE_STATE_LOST: ['Lost', 'bad'],
});

/** An account of the ledger. */
export const accountName = (account) =>
  account === 'customer' ? 'Customers' : account === 'by_hand' ? 'Given back by hand' : account === 'disputed' ? 'Taken back by banks' : account === 'dispute_fees' ? 'Fees for disputes' : account.replace(/^provider:/, 'Provider ');

/** Percent of hundredths of a percent: 2300 is `23`. */
export const percentOf = (points) => String(points / 100);

/** Hundredths of a percent of what a person typed; undefined where it is no percentage. */
export function pointsOf(text) {
  const match = /^(\d{1,3})(?:[.,](\d{1,2}))?$/.exec(text);
  if (!match) return undefined;
  const points = Number(match[1]) * 100 + Number((match[2] ?? '').padEnd(2, '0'));
  return points <= 10_000 ? points : undefined;
}

/** A change of a quantity with its sign; nothing for none. */
export const change = (text) => (text === '0' ? nothing : Number(text) > 0 ? `+${text}` : `−${text.slice(1)}`);

const link = (rpc, href, words) => (mayCall(rpc) ? html`<a href=${href}>${words}</a>` : words);

/** A link to an order, a payment, a user, an article: by the end of its id, or by other words; these alone for who may not see it. */
export const orderLink = (id, words = shortId(id)) => link('ListOrders', `/staff/orders/${id}`, words);
export const paymentLink = (id, words = shortId(id)) => link('ListPayments', `/staff/payments/${id}`, words);
export const userLink = (id, words = shortId(id)) => link('GetUser', `/staff/users/${id}`, words);
export const articleLink = (id, words) => link('ListArticles', `/staff/articles/${id}`, words);

/** Who did something: a user, or a service of the shop. */
export const actor = (who) => {
  if (!who) return nothing;
  if (!who.startsWith('usr_')) return html`the shop (${who})`;
  return userLink(who, who === currentUser()?.id ? 'you' : `user ${shortId(who)}`);
};

/** Any id, or other words for it, as a link to what it names where there is a page of it. */
export const idLink = (id, words = id) => {
  const [kind] = id.split('_');
  if (kind === 'ord') return orderLink(id, words);
  if (kind === 'pay') return paymentLink(id, words);
  if (kind === 'usr') return userLink(id, words);
  if (kind === 'art') return link('GetStock', `/staff/articles/${id}/stock`, words);
  if (kind === 'rol') return link('ListRoles', `/staff/roles/${id}`, words);
  return words === id ? html`<code>${id}</code>` : words;
};

const THINGS = { ord: 'order', pay: 'payment', ref: 'refund', usr: 'user', art: 'article', rol: 'role', ses: 'session', key: 'key' };

/** What an id names and the end of it, as such a link. */
export const thingLink = (id) => idLink(id, `${THINGS[id.split('_')[0]] ?? ''} ${shortId(id)}`.trim());
