// Asking for a mail by which a new password is set.

import { call } from '../api.js';
import { field, submit } from '../ui.js';
import { html } from '../vendor/lit-html.js';

export default function page(view) {
  view.title('Forgotten password');
  const send = submit(async (values) => {
    await call('POST', '/v1/auth:requestPasswordReset', { body: values });
    view.show(html`
      <section class="narrow">
        <h1 tabindex="-1">Look at your mail</h1>
        <p>If there is an account with this confirmed address, a mail is on its way. It counts for half an hour.</p>
        <p><a href="/reset-password">Paste the token of the mail</a></p>
      </section>
    `);
  });
  return view.show(html`
    <section class="narrow">
      <h1>Forgotten password</h1>
      <form @submit=${send}>
        ${field({ name: 'email', label: 'E-mail', type: 'email', autocomplete: 'email', required: true, maxlength: 254 })}
        <div class="actions"><button>Send me a mail</button></div>
      </form>
    </section>
  `);
}
