// One webhook: what it is told, and what became of that.

import { call } from '../api.js';
import { ask } from '../ask.js';
import { copyButton } from '../copy.js';
import { go } from '../router.js';
import { empty, skeleton } from '../states.js';
import { field, moment, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { anew, every, frame, heading, table } from './common.js';
import { stateOf } from './webhooks.js';

const REFRESH_MS = 5000;
const OVERLAPS = [['0s', 'Ends at once'], ['3600s', 'Signs for an hour'], ['86400s', 'Signs for a day'], ['604800s', 'Signs for a week']];
const STATES = {
  DELIVERY_STATE_PENDING: ['Waits', 'warn'],
  DELIVERY_STATE_SUCCEEDED: ['Taken', 'good'],
  DELIVERY_STATE_FAILED: ['Given up', 'bad'],
};

const above = html`<a href="/staff/webhooks">Webhooks</a>`;
const badge = (state) => html`<span class="badge ${STATES[state]?.[1] ?? ''}">${STATES[state]?.[0] ?? state}</span>`;

const fields = (webhook) => html`
  ${field({ name: 'url', label: 'URL', value: webhook?.url, type: 'url', required: true, maxlength: 1000, autocomplete: 'off', placeholder: 'https://…' })}
  ${field({ name: 'description', label: 'What it is for', value: webhook?.description, maxlength: 500, autocomplete: 'off' })}
  ${field({ name: 'types', label: 'Types of events', value: webhook?.types.join(' '), maxlength: 3000, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', placeholder: 'order.* payment.captured', hint: 'With blanks in between; none for all of them.' })}
  <div class="check">
    <input type="checkbox" id="f-disabled" name="disabled" ?checked=${webhook?.disabled} />
    <label for="f-disabled">Disabled<span class="quiet note">What happens meanwhile is not sent later.</span></label>
  </div>
`;

const bodyOf = ({ url, description, types, disabled }) => ({
  url,
  description,
  types: types.split(/[\s,]+/).filter(Boolean),
  disabled: Boolean(disabled),
});

const secretOf = (text, done) => html`
  <section class="panel made">
    <h2 id="secret-title" tabindex="-1">The secret</h2>
    ${text
      ? html`
          <p class="notice warn">Copy it now: it is shown this once. What is sent is signed by it.</p>
          <p class="secret"><code>${text}</code> ${copyButton(text, 'the secret')}</p>
        `
      : html`<p class="notice bad">The answer that had it was lost. Make another secret.</p>`}
    <button class="plain" @click=${done}>I have it</button>
  </section>
`;

export default (view) => (view.params.id === 'new' ? create(view) : edit(view));

function create(view) {
  view.title('New webhook · Staff');
  const make = submit(async (values) => {
    const made = await call('POST', '/v1/webhooks', { body: bodyOf(values) });
    view.title('New webhook · Staff');
    const done = () => go(`/staff/webhooks/${made.id}`, { replace: true });
    frame(view, html`${heading('New webhook', nothing, above)} ${secretOf(made.secret, done)}`);
    document.querySelector('#secret-title')?.focus();
  });
  frame(view, html`
    ${heading('New webhook', nothing, above)}
    <form class="panel medium-left" @submit=${make}>${fields()}<div class="actions"><button>Make the webhook</button></div></form>
  `);
}

async function edit(view) {
  const path = `/v1/webhooks/${view.params.id}`;
  view.title('Webhook · Staff');
  frame(view, html`${heading('Webhook', nothing, above)}${skeleton(6)}`);
  let webhook;
  let deliveries = [];
  let secret;
  const readDeliveries = async () => {
    ({ deliveries } = await call('GET', `${path}/deliveries`, { query: { pageSize: 50 }, signal: view.signal }));
  };
  const read = async () => {
    [webhook] = await Promise.all([call('GET', path, { signal: view.signal }), readDeliveries()]);
    draw();
  };
  const changed = anew(read);
  const save = submit(
    async (values) => {
      const query = { updateMask: 'url,description,types,disabled' };
      webhook = await call('PATCH', path, { body: { ...bodyOf(values), etag: webhook.etag }, query });
      draw();
      toast('The webhook is saved.');
    },
    async (error) => {
      if (error.reason === 'ETAG_MISMATCH') await read();
      return false;
    },
  );
  const test = press(async () => {
    const { state, statusCode, response } = await call('POST', `${path}:test`, { body: {} });
    await readDeliveries();
    draw();
    const answered = statusCode ? `It answered ${statusCode}.` : response;
    if (state === 'DELIVERY_STATE_SUCCEEDED') toast(`The test was taken. ${answered}`);
    else toast(`The test was not taken. ${answered}`, 'bad');
  });
  const rotate = press(async () => {
    const rotated = await ask({
      title: 'Make another secret?',
      text: 'Its receiver needs the new one. Both can sign for a while.',
      action: 'Make another secret',
      fields: field({ id: 'd-overlap', name: 'overlap', label: 'The old secret', options: OVERLAPS, required: true, value: '86400s' }),
      signal: view.signal,
      work: ({ overlap }) => call('POST', `${path}:rotateSecret`, { body: { overlap } }),
    });
    if (!rotated) return;
    secret = { text: rotated.secret };
    await read();
    document.querySelector('#secret-title')?.focus();
  });
  const replay = press(async () => {
    const done = await ask({
      title: 'Send events again?',
      text: 'All of its types after a position, as far as they are kept. Its receiver knows by their ids which it has.',
      action: 'Send them again',
      fields: field({ id: 'd-after', name: 'afterPosition', label: 'After position', value: '0', required: true, inputmode: 'numeric', pattern: '[0-9]+' }),
      signal: view.signal,
      work: ({ afterPosition }) => call('POST', `${path}:replay`, { body: { afterPosition } }),
    });
    if (done) toast('They are sent, one after the other.');
  }, changed);
  const remove = press(async () => {
    const done = await ask({
      title: 'Delete this webhook?',
      text: 'Nothing more is sent, and what became of its events is forgotten.',
      action: 'Delete the webhook',
      danger: true,
      signal: view.signal,
      work: () => call('DELETE', path, { query: { etag: webhook.etag } }),
    });
    if (!done) return;
    await go('/staff/webhooks', { replace: true });
    toast('The webhook is deleted.');
  }, changed);
  const again = (id) =>
    press(async () => {
      await call('POST', `${path}/deliveries/${id}:redeliver`, { body: {} });
      await readDeliveries();
      draw();
      toast('It is sent again.');
    }, changed);
  const columns = [
    { label: 'Event', cell: ({ type, subject }) => html`<strong>${type}</strong><code class="note">${subject}</code>` },
    { label: 'State', cell: ({ state, attempts, nextTryTime }) => html`${badge(state)}${nextTryTime && attempts ? html`<span class="quiet note">again at ${moment(nextTryTime)}</span>` : nothing}` },
    { label: 'Tries', number: true, cell: ({ attempts }) => attempts },
    { label: 'Answer', cell: ({ statusCode, response }) => html`${statusCode || nothing}${response ? html`<span class="quiet note">${response.slice(0, 200)}</span>` : nothing}` },
    { label: 'When', cell: ({ updateTime }) => moment(updateTime) },
    { label: html`<span class="hidden">Again</span>`, cell: ({ id, type, subject }) => (type === 'webhook.test' || webhook.disabled ? nothing : html`<button class="link" @click=${again(id)}>Send again<span class="hidden"> ${type} ${subject}</span></button>`) },
  ];
  const draw = () => {
    const name = webhook.description || new URL(webhook.url).host;
    view.title(`${name} · Staff`);
    const tools = html`
      <button class="plain" @click=${test}>Send a test</button>
      <button class="plain" @click=${rotate}>Another secret…</button>
      ${webhook.disabled ? nothing : html`<button class="plain" @click=${replay}>Replay…</button>`}
      <button class="plain" @click=${remove}>Delete…</button>
    `;
    frame(view, html`
      ${heading(name, tools, above)}
      <p>${stateOf(webhook)}</p>
      ${secret ? secretOf(secret.text, () => ((secret = undefined), draw())) : nothing}
      <form class="panel medium-left" @submit=${save}>${fields(webhook)}<div class="actions"><button>Save</button></div></form>
      <h2>What was sent</h2>
      ${deliveries.length ? table('Deliveries', columns, deliveries) : empty('Nothing yet', 'What happens from now on is sent as it happens.')}
    `);
  };
  await read();
  // The form stays as it is typed: only what was sent is kept up to date.
  every(view, REFRESH_MS, async () => {
    await readDeliveries();
    draw();
  });
}
