// What stands in for a page that is not for who is signed in; loaded where it is.

import { currentUser, hasRole, isStaff, may } from './session.js';
import { html } from './vendor/lit-html.js';

/** Not for this user, and why. */
export const notAllowed = () => {
  if (may()) return refusal('This is not for your role', 'An administrator can give you one that sees it.', '/staff', 'To what you may see');
  if (!isStaff()) {
    return refusal('This is for staff', 'Your account may not see it. Ask an administrator for the role, or sign in with another account.', '/', 'To the shop');
  }
  if (currentUser()?.passwordChangeRequired) {
    const text = 'Yours was shown when it was made, and your role counts once you have changed it: this shop is set up so.';
    return refusal('A new password first', text, '/account/security', 'Change it');
  }
  if (!hasRole('ROLE_STAFF') && !hasRole('ROLE_ADMIN')) {
    return refusal('Your role sees nothing', 'It has no permissions, or counts only once signing in takes a code. Ask an administrator.', '/account/security', 'Set up codes');
  }
  const text = 'Your role counts once you sign in by a passkey, or by a code beside the password: this shop is set up so. Setting it up takes two minutes.';
  return refusal('A second factor first', text, '/account/security', 'Set it up');
};

const refusal = (title, text, href, action) => html`
  <section class="state">
    <h1>${title}</h1>
    <p>${text}</p>
    <p><a class="button" href=${href}>${action}</a></p>
  </section>
`;
