// The shopper's account: profile, what is held about her, and its end.

import { call } from '../api.js';
import { download, today } from '../download.js';
import { withPassword } from '../password-prompt.js';
import { go } from '../router.js';
import { forget, rename } from '../session.js';
import { skeleton } from '../states.js';
import { confirm, day, field, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { accountNav } from './account-nav.js';

export default async function page(view) {
  const { signal } = view;
  view.title('Account');
  view.show(html`<div class="medium"><h1>Account</h1>${skeleton(5)}</div>`);
  let user;
  const read = async () => {
    user = await call('GET', '/v1/users/me', { signal });
    draw();
  };
  const save = submit(
    async (values) => {
      const before = user.email;
      user = await withPassword(() => call('PATCH', '/v1/users/me', { body: { ...values, etag: user.etag } }), signal);
      rename(user);
      draw();
      toast(user.email === before ? 'Your profile is saved.' : 'Your profile is saved. A mail to the new address lets you confirm it.');
    },
    async (error) => {
      if (error.reason === 'ETAG_MISMATCH') await read();
      return false;
    },
  );
  const resend = press(async () => {
    await call('POST', '/v1/users/me:requestEmailConfirmation', { body: {} });
    toast('The mail is on its way.');
  });
  const copy = press(async () => {
    const name = `feira-${user.username}-${today()}.ndjson`;
    await withPassword(() => download('/v1/users/me:export', { accept: 'application/x-ndjson', name, signal }), signal);
    toast(`${name} is saved.`);
  });
  const erase = press(async () => {
    const asked = await confirm({
      title: 'Delete your account?',
      text: `Your name, e-mail and addresses are erased, your basket and unpaid orders are cancelled. This cannot be undone. To go on, type your username, ${user.username}.`,
      action: 'Delete the account',
      fields: field({ name: 'username', id: 'd-username', label: 'Username', required: true, autocomplete: 'off', pattern: user.username.replace(/[.\-]/g, '\\$&'), title: user.username }),
    });
    if (!asked) return;
    await withPassword(() => call('DELETE', '/v1/users/me'), signal);
    forget();
    await go('/', { replace: true });
    toast('Your account is deleted.');
  });
  const draw = () =>
    view.show(html`
      <div class="medium">
        <h1 tabindex="-1">Account</h1>
        ${accountNav(view)}
        <section class="panel">
          <h2>Profile</h2>
          <form @submit=${save}>
            ${field({ name: 'username', label: 'Username', value: user.username, autocomplete: 'username', required: true, pattern: '[0-9A-Za-z._\\-]{3,32}', title: '3 to 32 letters, digits and . _ -', autocapitalize: 'none', spellcheck: 'false' })}
            ${field({ name: 'email', label: 'E-mail', type: 'email', value: user.email, autocomplete: 'email', required: true, maxlength: 254 })}
            ${user.emailVerified
              ? nothing
              : html`<p class="notice">This e-mail is not confirmed: nothing is sent there. <button type="button" class="link" @click=${resend}>Send the confirmation again</button> <a href="/confirm-email">Paste its token</a></p>`}
            <div class="pair">
              ${field({ name: 'firstName', label: 'First name', value: user.firstName, autocomplete: 'given-name', maxlength: 100 })}
              ${field({ name: 'lastName', label: 'Last name', value: user.lastName, autocomplete: 'family-name', maxlength: 100 })}
            </div>
            <div class="actions"><button>Save</button><span class="quiet">Here since ${day(user.createTime)}</span></div>
          </form>
        </section>
        <section class="panel">
          <h2>Password, codes and devices</h2>
          <p><a href="/account/security">How you sign in</a>, and where you are signed in.</p>
        </section>
        <section class="panel">
          <h2>What we hold about you</h2>
          <p>Your profile, addresses, orders, payments and sessions, as JSON lines.</p>
          <button class="plain" @click=${copy}>Download it</button>
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
