// The shopper's account: profile, password, and its end.

import { call } from '../api.js';
import { go } from '../router.js';
import { forget } from '../session.js';
import { skeleton } from '../states.js';
import { confirm, day, field, press, submit, toast } from '../ui.js';
import { html } from '../vendor/lit-html.js';

export default async function page(view) {
  view.title('Account');
  view.show(html`<div class="medium"><h1>Account</h1>${skeleton(5)}</div>`);
  let user;
  const read = async () => {
    user = await call('GET', '/v1/users/me', { signal: view.signal });
    draw();
  };
  const save = submit(
    async (values) => {
      user = await call('PATCH', '/v1/users/me', { body: { ...values, etag: user.etag } });
      draw();
      toast('Your profile is saved.');
    },
    async (error) => {
      if (error.reason === 'ETAG_MISMATCH') await read();
      return false;
    },
  );
  const password = submit(
    async (values, form) => {
      await call('POST', '/v1/users/me:changePassword', { body: values });
      form.reset();
      toast('Your password is changed; all other devices are signed out.');
    },
  );
  const resend = press(async () => {
    await call('POST', '/v1/users/me:requestEmailConfirmation', { body: {} });
    toast('The mail is on its way.');
  });
  const erase = press(async () => {
    const asked = await confirm({
      title: 'Delete your account?',
      text: `Your name, e-mail and addresses are erased, your basket and unpaid orders are cancelled. This cannot be undone. To go on, type your username, ${user.username}.`,
      action: 'Delete the account',
      fields: field({ name: 'username', id: 'd-username', label: 'Username', required: true, autocomplete: 'off', pattern: user.username.replace(/[.\-]/g, '\\$&'), title: user.username }),
    });
    if (!asked) return;
    await call('DELETE', '/v1/users/me');
    forget();
    await go('/', { replace: true });
    toast('Your account is deleted.');
  });
  const draw = () =>
    view.show(html`
      <div class="medium">
        <h1 tabindex="-1">Account</h1>
        <section class="panel">
          <h2>Profile</h2>
          <form @submit=${save}>
            ${field({ name: 'username', label: 'Username', value: user.username, autocomplete: 'username', required: true, pattern: '[0-9A-Za-z._\\-]{3,32}', title: '3 to 32 letters, digits and . _ -', autocapitalize: 'none', spellcheck: 'false' })}
            ${field({ name: 'email', label: 'E-mail', type: 'email', value: user.email, autocomplete: 'email', required: true, maxlength: 254 })}
            ${user.emailVerified ? '' : html`<p class="notice">This e-mail is not confirmed: nothing is sent there. <button type="button" class="link" @click=${resend}>Send the confirmation again</button> <a href="/confirm-email">Paste its token</a></p>`}
            <div class="pair">
              ${field({ name: 'firstName', label: 'First name', value: user.firstName, autocomplete: 'given-name', maxlength: 100 })}
              ${field({ name: 'lastName', label: 'Last name', value: user.lastName, autocomplete: 'family-name', maxlength: 100 })}
            </div>
            <div class="actions"><button>Save</button><span class="quiet">Here since ${day(user.createTime)}</span></div>
          </form>
        </section>
        <section class="panel">
          <h2>Password</h2>
          <form @submit=${password}>
            ${field({ name: 'oldPassword', label: 'The one you have', type: 'password', autocomplete: 'current-password', required: true, maxlength: 128 })}
            ${field({ name: 'newPassword', label: 'A new one', type: 'password', hint: '8 characters or more', autocomplete: 'new-password', required: true, minlength: 8, maxlength: 128 })}
            <div class="actions"><button>Change the password</button></div>
          </form>
        </section>
        <section class="panel">
          <h2>Addresses</h2>
          <p><a href="/account/addresses">Your address book</a></p>
        </section>
        <section class="panel">
          <h2>Delete the account</h2>
          <p>Your orders stay with the shop, without your name.</p>
          <button class="danger" @click=${erase}>Delete the account</button>
        </section>
      </div>
    `);
  await read();
}
