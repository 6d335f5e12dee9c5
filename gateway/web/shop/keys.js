// The shopper's API keys: for programs that call in her name.

import { call } from '../api.js';
import { ask } from '../ask.js';
import { copyButton } from '../copy.js';
import { withPassword } from '../password-prompt.js';
import { PERMISSIONS, permissionName } from '../permissions.js';
import { may } from '../session.js';
import { empty, skeleton } from '../states.js';
import { day, field, moment, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { accountNav } from './account-nav.js';

const DAY = 86_400_000;
const LASTS = [['30', '30 days'], ['90', '90 days'], ['365', 'A year'], ['never', 'Until you revoke it']];
const OVERLAPS = [['0s', 'End at once'], ['3600s', 'Go on for an hour'], ['86400s', 'Go on for a day'], ['604800s', 'Go on for a week']];

/** What a key may be limited to, in words. What a customer has is her own orders and account. */
const scopes = () =>
  may()
    ? PERMISSIONS.filter(([name]) => may(name)).map(([name, label, about]) => [name, label, about])
    : [['fulfilment', 'Orders', 'fill baskets, order, cancel'], ['customers', 'Account', 'change your profile and addresses']];

export default async function page(view) {
  const { signal } = view;
  view.title('API keys');
  view.show(html`<div class="medium"><h1>API keys</h1>${skeleton(3, 'card')}</div>`);
  let keys = [];
  // Whether the form of a new one is open; the key whose secret is shown, this once.
  let open = false;
  let made;
  const read = async () => {
    ({ apiKeys: keys } = await call('GET', '/v1/users/me/apiKeys', { query: { pageSize: 1000 }, signal }));
    draw();
  };
  const show = (focus) => {
    draw();
    document.querySelector(focus)?.focus();
  };
  const reveal = async (key) => {
    made = key;
    open = false;
    await read();
    show('#secret-title');
  };
  const create = submit(async ({ name, lasts, limit, ...chosen }) => {
    const named = scopes().map(([scope]) => scope).filter((scope) => chosen[scope]);
    const body = {
      name,
      scopes: limit === 'all' ? [] : limit === 'read' ? ['read'] : ['read', ...named],
      expireTime: lasts !== 'never' ? new Date(Date.now() + Number(lasts) * DAY).toISOString() : undefined,
    };
    await reveal(await withPassword(() => call('POST', '/v1/users/me/apiKeys', { body }), signal));
  });
  const rotate = (key) =>
    press(async () => {
      const rotated = await ask({
        title: `Give ${key.name} another secret?`,
        text: 'Programs need the new one. The old one can go on for a while, so that you can change them one after the other.',
        action: 'Make another secret',
        fields: field({ id: 'd-overlap', name: 'overlap', label: 'The old secret', options: OVERLAPS, required: true, value: '3600s' }),
        signal,
        work: ({ overlap }) => withPassword(() => call('POST', `/v1/users/me/apiKeys/${key.id}:rotate`, { body: { overlap } }), signal),
      });
      if (rotated) await reveal(rotated);
    });
  const revoke = (key) =>
    press(async () => {
      const text = 'Programs that call with it are refused within seconds. This cannot be undone.';
      const done = await ask({
        title: `Revoke ${key.name}?`,
        text,
        action: 'Revoke the key',
        danger: true,
        signal,
        work: () => call('DELETE', `/v1/users/me/apiKeys/${key.id}`),
      });
      if (!done) return;
      if (made?.id === key.id) made = undefined;
      await read();
      show('main h1');
      toast(`${key.name} is revoked.`);
    });
  const done = () => {
    made = undefined;
    show('main h1');
  };
  const form = (is) => () => {
    open = is;
    show(is ? '#f-name' : 'main h1');
  };
  const draw = () =>
    view.show(html`
      <div class="medium">
        <h1 tabindex="-1">API keys</h1>
        ${accountNav(view)}
        <p>By a key a program calls the <a href="/docs/">API</a> in your name, without your password. It never manages passwords, sessions, codes or keys.</p>
        ${made ? secret(made, done) : nothing}
        ${keys.length || open ? nothing : empty('None yet', 'Make one for each program, so that you can revoke it by itself.')}
        <ul class="cards">${keys.map((key) => html`<li class="panel">${row(key, rotate(key), revoke(key))}</li>`)}</ul>
        ${open ? newKey(create, form(false)) : html`<button @click=${form(true)}>Make a key</button>`}
      </div>
    `);
  await read();
}

const secret = ({ name, secret: text }, done) => html`
  <section class="panel made">
    <h2 id="secret-title" tabindex="-1">The secret of ${name}</h2>
    ${text
      ? html`
          <p class="notice warn">Copy it now: it is shown this once. Whoever has it can do what the key may.</p>
          <p class="secret"><code>${text}</code> ${copyButton(text, 'the secret')}</p>
        `
      : html`<p class="notice bad">The answer that had it was lost. Give the key another secret.</p>`}
    <button class="plain" @click=${done}>I have it</button>
  </section>
`;

const isOver = ({ expireTime }) => expireTime && new Date(expireTime) <= new Date();

const row = (key, rotate, revoke) => html`
  <h2>${key.name} ${isOver(key) ? html`<span class="badge bad">Expired</span>` : nothing}</h2>
  <dl class="sums">
    <div><dt>Begins with</dt><dd><code>feira_${key.prefix}_</code></dd></div>
    <div><dt>May</dt><dd>${key.scopes.length ? key.scopes.map((scope) => (scope === 'read' ? 'Read' : permissionName(scope))).join(', ') : 'All that you may'}</dd></div>
    <div><dt>Made</dt><dd>${day(key.createTime)}</dd></div>
    <div><dt>Counts until</dt><dd>${key.expireTime ? moment(key.expireTime) : 'it is revoked'}</dd></div>
    <div><dt>Last used</dt><dd>${key.lastUsedTime ? moment(key.lastUsedTime) : 'never'}</dd></div>
  </dl>
  <div class="actions">
    ${isOver(key) ? nothing : html`<button class="plain" @click=${rotate}>Another secret…<span class="hidden"> for ${key.name}</span></button>`}
    <button class="link" @click=${revoke}>Revoke…<span class="hidden"> ${key.name}</span></button>
  </div>
`;

const LIMITS = [
  ['all', 'All that you may do'],
  ['read', 'Read alone'],
  ['some', 'Read, and what is chosen here:'],
];

const newKey = (create, cancel) => html`
  <section class="panel">
    <h2>A new key</h2>
    <form @submit=${create}>
      ${field({ name: 'name', label: 'What it is for', hint: 'Such as the program that has it', required: true, maxlength: 100, autocomplete: 'off' })}
      ${field({ name: 'lasts', label: 'How long it counts', options: LASTS, value: '90', required: true })}
      <fieldset class="limits">
        <legend>What it may do</legend>
        ${LIMITS.map(
          ([value, label]) => html`<div class="check"><input type="radio" id="f-limit-${value}" name="limit" value=${value} ?checked=${value === 'read'} /><label for="f-limit-${value}">${label}</label></div>`,
        )}
        <div class="chosen">
          ${scopes().map(
            ([name, label, about]) => html`<div class="check"><input type="checkbox" id="f-scope-${name}" name=${name} /><label for="f-scope-${name}">${label}<span class="quiet note">${about}</span></label></div>`,
          )}
        </div>
      </fieldset>
      <div class="actions">
        <button>Make the key</button>
        <button type="button" class="plain" @click=${cancel}>Cancel</button>
      </div>
    </form>
  </section>
`;
