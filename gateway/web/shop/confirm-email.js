// Confirming an e-mail by the token of a mail: it stands behind the # of the link, or is pasted.

import { call } from '../api.js';
import { go, renameTo } from '../router.js';
import { currentUser } from '../session.js';
import { field, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';

export default function page(view) {
  view.title('Confirm your e-mail');
  const token = view.url.hash.slice(1);
  // It is a secret: not in the history.
  if (token) renameTo(view.url.pathname);
  let refused = false;
  const send = submit(
    async (values) => {
      await call('POST', '/v1/auth:confirmEmail', { body: values });
      await go(currentUser() ? '/account' : '/sign-in', { replace: true });
      toast('Your e-mail is confirmed.');
    },
    ({ reason }) => {
      if (reason === 'TOKEN_EXPIRED') {
        refused = true;
        draw();
      }
      return false;
    },
  );
  const another = press(async () => {
    await call('POST', '/v1/users/me:requestEmailConfirmation', { body: {} });
    toast('Another mail is on its way, unless your e-mail is confirmed already.');
  });
  const draw = () =>
    view.show(html`
      <section class="narrow">
        <h1>Confirm your e-mail</h1>
        <form @submit=${send}>
          ${field({ name: 'token', label: 'Token', hint: 'As it is in the mail', value: token, required: true, maxlength: 200, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false' })}
          <div class="actions"><button>Confirm</button></div>
        </form>
        ${!refused
          ? nothing
          : currentUser()
            ? html`<p><button type="button" class="plain" @click=${another}>Send me another mail</button></p>`
            : html`<p><a href="/sign-in?next=%2Faccount">Sign in</a> to have another mail sent.</p>`}
      </section>
    `);
  draw();
}
