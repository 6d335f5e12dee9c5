// Confirming an e-mail by the token of a mail: it stands behind the # of the link, or is pasted.

import { call } from '../api.js';
import { go } from '../router.js';
import { currentUser } from '../session.js';
import { field, submit, toast } from '../ui.js';
import { html } from '../vendor/lit-html.js';

export default function page(view) {
  view.title('Confirm your e-mail');
  const send = submit(async ({ token }) => {
    await call('POST', '/v1/auth:confirmEmail', { body: { token } });
    await go(currentUser() ? '/account' : '/sign-in', { replace: true });
    toast('Your e-mail is confirmed.');
  });
  return view.show(html`
    <section class="narrow">
      <h1>Confirm your e-mail</h1>
      <form @submit=${send}>
        ${field({ name: 'token', label: 'Token', hint: 'As it is in the mail', value: view.url.hash.slice(1), required: true, maxlength: 200, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' })}
        <div class="actions"><button>Confirm</button></div>
      </form>
    </section>
  `);
}
