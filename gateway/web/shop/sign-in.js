// Signing in, and on to where one came from.

import { go, nextOf } from '../router.js';
import { currentUser, signIn } from '../session.js';
import { field, submit } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';

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
          ${field({ name: 'login', label: 'Username or e-mail', autocomplete: 'username', required: true, autocapitalize: 'none', spellcheck: 'false', maxlength: 254 })}
          ${field({ name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', required: true, maxlength: 128 })}
          ${view.code
            ? field({ name: 'code', label: 'Code', hint: 'Of your authenticator, or one for recovery', autocomplete: 'one-time-code', required: true, maxlength: 64, autocapitalize: 'none', spellcheck: 'false' })
            : nothing}
          <div class="actions"><button>Sign in</button></div>
        </form>
        <p><a href="/forgot-password">Forgotten your password?</a></p>
        <p>New here? <a href="/register?next=${encodeURIComponent(next)}">Make an account</a></p>
      </section>
    `);
  draw();
  return undefined;
}
