// How the shopper signs in: password, passkeys, second factor, and where she is signed in.

import { call } from '../api.js';
import { confirmSignOut, devices } from './devices.js';
import { renew } from '../session.js';
import { skeleton } from '../states.js';
import { field, submit, toast } from '../ui.js';
import { html } from '../vendor/lit-html.js';
import { accountNav } from './account-nav.js';
import { passkeys } from './passkeys.js';
import { secondFactor } from './second-factor.js';

export default async function page(view) {
  const { signal } = view;
  view.title('Signing in');
  view.show(html`<div class="medium"><h1>Signing in</h1>${skeleton(5)}</div>`);
  let user;
  let sessions;
  let keys;
  const read = async () => {
    const listed = call('GET', '/v1/users/me/sessions', { query: { pageSize: 1000 }, signal });
    const own = call('GET', '/v1/users/me/passkeys', { signal });
    [user, { sessions }, { passkeys: keys }] = await Promise.all([call('GET', '/v1/users/me', { signal }), listed, own]);
    draw();
  };
  const password = submit(async (values, form) => {
    await call('POST', '/v1/users/me:changePassword', { body: values });
    // Staff may have had no rights until then.
    if (user.passwordChangeRequired) await renew();
    form.reset();
    await read();
    toast('Your password is changed; all other devices are signed out.');
  });
  const end = confirmSignOut('me', read, signal);
  const ofPasskeys = passkeys({ list: () => keys, draw: () => draw(), read, signal });
  const factor = secondFactor({ user: () => user, draw: () => draw(), read, signal });
  const draw = () =>
    view.show(html`
      <div class="medium">
        <h1 tabindex="-1">Signing in</h1>
        ${accountNav(view)}
        <section class="panel">
          <h2>Password</h2>
          ${user.passwordChangeRequired ? html`<p class="notice">Yours was shown when it was made, so others may have read it: change it.</p>` : ''}
          <form @submit=${password}>
            ${field({ name: 'oldPassword', label: 'The one you have', type: 'password', autocomplete: 'current-password', required: true, maxlength: 128 })}
            ${field({ name: 'newPassword', label: 'A new one', type: 'password', hint: '8 characters or more', autocomplete: 'new-password', required: true, minlength: 8, maxlength: 128 })}
            <div class="actions"><button>Change the password</button></div>
          </form>
        </section>
        ${ofPasskeys()} ${factor()}
        <section class="panel">
          <h2>Where you are signed in</h2>
          <p>Something that you do not know? End it, then change your password.</p>
          ${devices(sessions, end)}
        </section>
      </div>
    `);
  await read();
}
