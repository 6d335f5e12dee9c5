// The audit log: who did what, for administrators.

import { deviceOf } from '../shop/devices.js';
import { field, moment } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { listPage } from './list.js';
import { thingLink, userLink } from './words.js';

const KINDS = [
  'sign_in.succeeded', 'sign_in.failed', 'sign_in.locked_out', 'sign_in.uncounted', 'sign_in.code_required',
  'refresh_token.reused',
  'password.changed', 'password.reset', 'email.changed', 'email.confirmed', 'username.changed', 'roles.changed',
  'user.disabled', 'user.enabled', 'user.erased', 'administrator.created', 'second_factor.added',
  'second_factor.removed', 'recovery_code.used', 'passkey.added', 'passkey.removed', 'passkey.copied', 'signing_key.made', 'signing_key.withdrawn', 'api_key.created', 'api_key.rotated', 'api_key.revoked', 'session.revoked',
  'role.created', 'role.changed', 'role.deleted', 'access.refused', 'price.changed', 'stock.adjusted', 'refund.requested', 'payment.settled',
  'webhook.created', 'webhook.changed', 'webhook.deleted', 'webhook.secret_rotated', 'webhook.replayed', 'webhook.disabled',
];

const USER_ID = { pattern: 'usr_[0-7][0-9a-hjkmnp-tv-z]{25}', title: 'its whole id, usr_…', spellcheck: 'false' };

/** The time of an input, which is here, as the API's. */
const timeOf = (text) => (text ? new Date(text).toISOString() : undefined);

/** An actor or a user: a link where it is a user's id. */
const who = (id) => (id.startsWith('usr_') ? userLink(id) : id);

const columns = [
  { label: 'When', cell: ({ createTime }) => moment(createTime) },
  { label: 'What', cell: ({ kind, detail }) => html`${kind}<span class="quiet note">${detail}</span>` },
  { label: 'By', cell: ({ actor }) => who(actor) },
  { label: 'Whom', cell: ({ userId }) => who(userId) },
  { label: 'On', cell: ({ target }) => (target ? thingLink(target) : '') },
  { label: 'From', cell: ({ ipAddress, userAgent }) => html`${ipAddress}<span class="quiet note">${userAgent ? deviceOf(userAgent) : nothing}</span>` },
];

export default (view) =>
  listPage(view, {
    title: 'Audit log',
    path: '/v1/auditEvents',
    plural: 'auditEvents',
    filters: ['kind', 'actor', 'user', 'from', 'to'],
    form: ({ kind, actor, user, from, to }) => html`
      ${field({ name: 'kind', label: 'What', value: kind, options: [['', 'All'], ...KINDS.map((name) => [name, name])] })}
      ${field({ name: 'actor', label: 'By', value: actor, ...USER_ID })}
      ${field({ name: 'user', label: 'Whom', value: user, ...USER_ID })}
      ${field({ name: 'from', label: 'From', type: 'datetime-local', value: from })}
      ${field({ name: 'to', label: 'to', type: 'datetime-local', value: to })}
    `,
    columns,
    query: ({ kind, actor, user, from, to }) => ({ kind, actor, userId: user, after: timeOf(from), before: timeOf(to) }),
    none: () => ({ title: 'Nothing fits', text: 'Take a filter away to see more.' }),
  });
