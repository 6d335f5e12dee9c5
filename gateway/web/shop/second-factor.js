// The second factor: set up by a QR code, confirmed by a code, and removed by one.

import { call } from '../api.js';
import { ask } from '../ask.js';
import { copyButton } from '../copy.js';
import { saveAs } from '../download.js';
import { codeField, withPassword } from '../password-prompt.js';
import { pathOf, qrCode } from '../qr.js';
import { renew } from '../session.js';
import { press, submit, toast } from '../ui.js';
import { html } from '../vendor/lit-html.js';

/** Light around the code, in modules, by which readers find it. */
const MARGIN = 4;

/**
 * The part of a page about the second factor of `user()`. `draw()` draws the page; `read()` reads the user and draws. It
 * gives its template.
 */
export function secondFactor({ user, draw, read, signal }) {
  // What was just made, and is shown this once.
  let started;
  let codes;
  const show = (selector) => {
    draw();
    document.querySelector(selector)?.focus();
  };
  const anew = async (error) => {
    // Set up or removed meanwhile, elsewhere.
    if (error.reason !== 'ILLEGAL_STATE') return false;
    started = undefined;
    await read();
    return false;
  };
  const start = press(async () => {
    started = await withPassword(() => call('POST', '/v1/users/me/totp:start', { body: {}, signal }), signal);
    show('#totp-title');
  }, anew);
  const confirmIt = submit(async ({ code }) => {
    const answer = await call('POST', '/v1/users/me/totp:confirm', { body: { code: code.replace(/\s/g, '') } });
    codes = answer.recoveryCodes;
    started = undefined;
    // Where staff must have a second factor, they may do from now on what their role lets them.
    await Promise.allSettled([renew(), read()]);
    show('#codes-title');
  }, anew);
  const leave = () => {
    started = undefined;
    show('#factor-title');
  };
  const kept = () => {
    codes = undefined;
    show('#factor-title');
    toast('From now on signing in takes a code. All other devices are signed out.');
  };
  const remove = press(async () => {
    const done = await ask({
      title: 'Sign in without codes?',
      text: 'Then the password alone is enough, for everybody who has it.',
      action: 'Remove the second factor',
      danger: true,
      fields: codeField(),
      signal,
      work: ({ code }) => call('POST', '/v1/users/me/totp:remove', { body: { code: code.trim() } }),
    });
    if (!done) return;
    await Promise.allSettled([renew(), read()]);
    show('#factor-title');
    toast('Signing in takes the password alone now.');
  }, anew);

  return () => html`
    <section class="panel">
      <h2 id="factor-title" tabindex="-1">Second factor ${user().secondFactor ? html`<span class="badge good">On</span>` : html`<span class="badge">Off</span>`}</h2>
      ${codes ? recovery(codes, user().username, kept) : started ? setUp(started, confirmIt, leave) : user().secondFactor ? on(remove) : off(start)}
    </section>
  `;
}

const off = (start) => html`
  <p>With an authenticator on your phone, signing in takes a code beside the password: who has stolen the one has not got the other.</p>
  <button class="plain" @click=${start}>Set up a second factor</button>
`;

const on = (remove) => html`
  <p>Signing in takes a code of your authenticator, or one of your codes for recovery.</p>
  <button class="plain" @click=${remove}>Remove it…</button>
`;

const setUp = ({ secret, otpauthUri }, send, leave) => {
  const grid = qrCode(otpauthUri);
  const side = grid.length + 2 * MARGIN;
  return html`
    <h3 id="totp-title" tabindex="-1">1. Read this with your authenticator</h3>
    <svg class="qr" viewBox="${-MARGIN} ${-MARGIN} ${side} ${side}" role="img" aria-label="QR code for your authenticator" shape-rendering="crispEdges">
      <rect x=${-MARGIN} y=${-MARGIN} width=${side} height=${side} fill="#fff" />
      <path d=${pathOf(grid)} fill="#000" />
    </svg>
    <p>No camera? Type this key there, as one that is based on time:</p>
    <p class="secret"><code>${secret.match(/.{1,4}/g).join(' ')}</code> ${copyButton(secret, 'the key')}</p>
    <h3>2. Type the code that it shows</h3>
    <form @submit=${send}>
      ${codeField('f-code', 'Six digits, another one every half minute')}
      <div class="actions">
        <button>Turn it on</button>
        <button type="button" class="plain" @click=${leave}>Cancel</button>
      </div>
    </form>
  `;
};

const recovery = (codes, username, kept) => {
  const text = `${codes.join('\n')}\n`;
  const save = () => saveAs(new Blob([text], { type: 'text/plain' }), `feira-${username}-recovery-codes.txt`);
  return html`
    <h3 id="codes-title" tabindex="-1">Keep these codes for recovery</h3>
    <p class="notice warn">They are shown this once. Each signs you in once without the authenticator: without them, who loses the phone loses the account.</p>
    <ul class="codes" aria-label="Codes for recovery">${codes.map((code) => html`<li><code>${code}</code></li>`)}</ul>
    <div class="actions">
      ${copyButton(text, 'the codes')}
      <button type="button" class="plain" @click=${save}>Save as a file</button>
      <button type="button" @click=${kept}>I have kept them</button>
    </div>
  `;
};
