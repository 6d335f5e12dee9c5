// The passkeys of an account: listed, added, removed.

import { call } from '../api.js';
import { ask } from '../ask.js';
import { hasPasskeys, makePasskey, whyNoPasskey } from '../passkeys.js';
import { withPassword } from '../password-prompt.js';
import { renew } from '../session.js';
import { day, field, moment, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { deviceOf } from './devices.js';

/**
 * The part of a page about the passkeys in `list()`. `draw()` draws the page; `read()` reads them and draws. It gives its
 * template.
 */
export function passkeys({ list, draw, read, signal }) {
  // Whether the form of a new one is open.
  let open = false;
  const show = (selector) => {
    draw();
    document.querySelector(selector)?.focus();
  };
  const told = (error) => {
    const why = whyNoPasskey(error);
    if (why) toast(why, 'bad');
    return why !== undefined;
  };
  const add = submit(async ({ name }) => {
    const start = () => call('POST', '/v1/users/me/passkeys:start', { body: {}, signal });
    const { challengeToken, options } = await withPassword(start, signal);
    const credential = await makePasskey(options, signal);
    await call('POST', '/v1/users/me/passkeys', { body: { name, challengeToken, credential } });
    open = false;
    await read();
    show('#passkeys-title');
    toast(`${name} is added: sign in by it without your password.`);
  }, told);
  const remove = ({ id, name }) =>
    press(
      async () => {
        const done = await ask({
          title: `Remove ${name}?`,
          text: 'Nobody signs in by it any more, and whoever did is signed out. Your device may go on offering it: remove it there, too.',
          action: 'Remove the passkey',
          danger: true,
          signal,
          work: () => withPassword(() => call('DELETE', `/v1/users/me/passkeys/${id}`), signal),
        });
        if (!done) return;
        // What this session was given for it counts no more.
        await renew();
        await read();
        show('#passkeys-title');
        toast(`${name} is removed.`);
      },
      async (error) => {
        if (error.status !== 404) return false;
        await read();
        toast('That passkey had been removed already.');
        return true;
      },
    );
  const form = (is) => () => {
    open = is;
    show(is ? '#f-name' : '#passkeys-title');
  };

  return () => html`
    <section class="panel">
      <h2 id="passkeys-title" tabindex="-1">Passkeys</h2>
      <p>By a passkey you sign in with your finger, your face or the PIN of your device: without a password, and where nobody can ask you for it by a forged page.</p>
      ${list().length ? html`<ul class="lines" aria-label="Your passkeys">${list().map((key) => row(key, remove(key)))}</ul>` : nothing}
      ${!hasPasskeys()
        ? html`<p class="quiet">This browser makes none on this page.</p>`
        : open
          ? newPasskey(add, form(false))
          : html`<button class="plain" @click=${form(true)}>Add a passkey</button>`}
    </section>
  `;
}

const row = ({ name, backedUp, createTime, lastUsedTime }, remove) => html`
  <li class="line">
    <span class="what">
      <strong>${name}</strong>
      <span class="quiet">made ${day(createTime)}, ${lastUsedTime ? html`last used ${moment(lastUsedTime)}` : 'not used yet'}${backedUp ? ', on all your devices' : nothing}</span>
    </span>
    <button class="plain" @click=${remove}>Remove…<span class="hidden"> ${name}</span></button>
  </li>
`;

const newPasskey = (add, cancel) => html`
  <form @submit=${add}>
    ${field({ name: 'name', label: 'What to call it', hint: 'Such as the device that keeps it', value: deviceOf(navigator.userAgent), required: true, maxlength: 100, autocomplete: 'off' })}
    <div class="actions">
      <button>Go on with your device</button>
      <button type="button" class="plain" @click=${cancel}>Cancel</button>
    </div>
  </form>
`;
