// Making an account: the shopper is signed in with it at once.

import { call } from '../api.js';
import { go, nextOf } from '../router.js';
import { currentUser, signIn } from '../session.js';
import { field, submit } from '../ui.js';
import { html } from '../vendor/lit-html.js';

export default function page(view) {
  view.title('Make an account');
  const next = nextOf(view.query);
  if (currentUser()) return go(next, { replace: true });
  const send = submit(async (user) => {
    await call('POST', '/v1/users', { body: user });
    // Then this page is opened again, and goes on.
    await signIn(user.username, user.password);
  });
  return view.show(html`
    <section class="narrow">
      <h1>Make an account</h1>
      <form @submit=${send}>
        ${field({ name: 'username', label: 'Username', hint: '3 to 32 letters, digits and . _ - (not only digits)', autocomplete: 'username', required: true, pattern: '[0-9A-Za-z._\\-]{3,32}', title: '3 to 32 letters, digits and . _ -', autocapitalize: 'none', spellcheck: 'false' })}
        ${field({ name: 'email', label: 'E-mail', type: 'email', autocomplete: 'email', required: true, maxlength: 254 })}
        ${field({ name: 'password', label: 'Password', type: 'password', hint: '8 characters or more', autocomplete: 'new-password', required: true, minlength: 8, maxlength: 128 })}
        <div class="pair">
          ${field({ name: 'firstName', label: 'First name', autocomplete: 'given-name', maxlength: 100 })}
          ${field({ name: 'lastName', label: 'Last name', autocomplete: 'family-name', maxlength: 100 })}
        </div>
        <div class="actions"><button>Make the account</button></div>
      </form>
      <p>You have one? <a href="/sign-in?next=${encodeURIComponent(next)}">Sign in</a></p>
    </section>
  `);
}
