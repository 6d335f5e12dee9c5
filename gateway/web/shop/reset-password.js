// Setting a new password by the token of a mail: it stands behind the # of the link, or is pasted.

import { call } from '../api.js';
import { go, renameTo } from '../router.js';
import { currentUser, renew } from '../session.js';
import { field, submit, toast } from '../ui.js';
import { html } from '../vendor/lit-html.js';

export default function page(view) {
  view.title('Set a new password');
  const token = view.url.hash.slice(1);
  // It is a secret: not in the history.
  if (token) renameTo(view.url.pathname);
  const send = submit(async (values) => {
    await call('POST', '/v1/auth:resetPassword', { body: values });
    // Her sessions have ended, this one too if it is hers.
    if (currentUser()) await renew().catch(() => {});
    await go('/sign-in', { replace: true });
    toast('Your password is set. Sign in with it.');
  });
  return view.show(html`
    <section class="narrow">
      <h1>Set a new password</h1>
      <form @submit=${send}>
        ${field({ name: 'token', label: 'Token', hint: 'As it is in the mail', value: token, required: true, maxlength: 200, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' })}
        ${field({ name: 'newPassword', label: 'New password', type: 'password', hint: '8 characters or more', autocomplete: 'new-password', required: true, minlength: 8, maxlength: 128 })}
        <div class="actions"><button>Set the password</button></div>
      </form>
      <p>The token does not count any more? <a href="/forgot-password">Ask for another mail</a></p>
    </section>
  `);
}
