// Webhooks: who is told what happens in the shop.

import { html, nothing } from '../vendor/lit-html.js';
import { moment } from '../ui.js';
import { listPage } from './list.js';
import { mayCall } from './rights.js';

const REASONS = { failing: 'took nothing for three days', gone: 'said that it is gone' };

/** Whether events are sent to a webhook, and if not, why. */
export const stateOf = ({ disabled, disabledReason }) =>
  disabled
    ? html`<span class="badge bad">Disabled</span>${disabledReason ? html`<span class="quiet note">${REASONS[disabledReason] ?? disabledReason}</span>` : nothing}`
    : html`<span class="badge good">On</span>`;

const columns = [
  { label: 'Where', cell: ({ id, url, description }) => html`<a class="whole" href="/staff/webhooks/${id}">${description || url}</a>${description ? html`<span class="quiet note">${url}</span>` : nothing}` },
  { label: 'State', cell: stateOf },
  { label: 'Told of', cell: ({ types }) => (types.length ? types.join(', ') : 'everything') },
  { label: 'Made', cell: ({ createTime }) => moment(createTime) },
];

export default (view) =>
  listPage(view, {
    title: 'Webhooks',
    path: '/v1/webhooks',
    plural: 'webhooks',
    filters: [],
    columns,
    query: () => ({}),
    none: () => ({ title: 'None yet', text: 'A webhook is a URL that is told what happens in the shop, as it happens.' }),
    tools: () => (mayCall('CreateWebhook') ? html`<a class="button" href="/staff/webhooks/new">New webhook</a>` : nothing),
  });
