// Signing in, and on to where one came from.

import { call } from '../api.js';
import { fillsIn, hasPasskeys, usePasskey, whyNoPasskey } from '../passkeys.js';
import { go, nextOf } from '../router.js';
import { currentUser, signIn, signInByPasskey } from '../session.js';
import { field, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';

/** What the browser offers beside the name counts for so long, a little less than the API has it. */
const OFFERED_MS = 280_000;

export default function page(view) {
  view.title('Sign in');
  const next = nextOf(view.query);
  if (currentUser()) return go(next, { replace: true });
  // Once somebody is signed in, here or in another tab, this page is opened again and goes on.
  const send = submit(
    ({ login, password, code }) => signIn(login, password, code?.trim()),
    (error) => {
      if (error.reason === 'CODE_REQUIRED') {
        view.code = true;
        view.wrong = false;
        draw();
        document.getElementById('f-code').focus();
        return true;
      }
      if (error.code !== 'UNAUTHENTICATED') return false;
      // The API does not say which of the two it was.
      view.wrong = true;
      draw();
      document.getElementById(view.code ? 'f-code' : 'f-password').select();
      return true;
    },
  );
  // What waits for one that is chosen beside the name: there is one such question at a time, so a button ends it.
  let offer = new AbortController();
  view.signal.addEventListener('abort', () => offer.abort(), { once: true });
  const byPasskey = async (how) => {
    const { challengeToken, options } = await call('POST', '/v1/auth:startPasskey', { body: {}, signal: view.signal });
    const credential = await usePasskey(options, { signal: view.signal, ...how });
    await signInByPasskey({ challengeToken, credential });
  };
  const refused = (error) => {
    const why = error.code === 'UNAUTHENTICATED' ? 'This passkey does not count here any more, or the account is locked.' : whyNoPasskey(error);
    if (why) toast(why, 'bad');
    return why !== undefined;
  };
  const choose = press(
    async () => {
      offer.abort();
      await byPasskey();
    },
    (error) => {
      const known = refused(error);
      fill();
      return known;
    },
  );
  const fill = async () => {
    offer.abort();
    if (view.signal.aborted || !(await fillsIn())) return;
    offer = new AbortController();
    const { signal } = offer;
    const timer = setTimeout(fill, OFFERED_MS);
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
    try {
      await byPasskey({ signal, mediation: 'conditional' });
    } catch (error) {
      // Nobody has asked: only what becomes of one that was chosen is told.
      if (error.code === 'UNAUTHENTICATED') refused(error);
    }
  };
  const draw = () =>
    view.show(html`
      <section class="narrow">
        <h1>Sign in</h1>
        ${next === '/' ? nothing : html`<p>Then it goes on where you were.</p>`}
        <form @submit=${send}>
          <div role="alert">
            ${view.wrong
              ? html`<p class="notice bad">${view.code ? 'Name, password and code do not fit together, or the code was used before.' : 'Name and password do not fit together, or the account is locked.'} Try again.</p>`
              : nothing}
          </div>
          ${field({ name: 'login', label: 'Username or e-mail', autocomplete: hasPasskeys() ? 'username webauthn' : 'username', required: true, autocapitalize: 'none', spellcheck: 'false', maxlength: 254 })}
          ${field({ name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', required: true, maxlength: 128 })}
          ${view.code
            ? field({ name: 'code', label: 'Code', hint: 'Of your authenticator, or one for recovery', autocomplete: 'one-time-code', required: true, maxlength: 64, autocapitalize: 'none', spellcheck: 'false' })
            : nothing}
          <div class="actions">
            <button>Sign in</button>
            ${hasPasskeys() ? html`<button type="button" class="plain" @click=${choose}>Use a passkey</button>` : nothing}
          </div>
        </form>
        <p><a href="/forgot-password">Forgotten your password?</a></p>
        <p>New here? <a href="/register?next=${encodeURIComponent(next)}">Make an account</a></p>
      </section>
    `);
  draw();
  fill();
  return undefined;
}
