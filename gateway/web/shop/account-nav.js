// Where one can go within the account.

import { html, nothing } from '../vendor/lit-html.js';

const PLACES = [
  ['/account', 'Profile'],
  ['/account/security', 'Signing in'],
  ['/account/keys', 'API keys'],
  ['/account/addresses', 'Addresses'],
  ['/account/purchases', 'Bought before'],
];

/** The pages of the account; the one that is shown is marked. */
export const accountNav = (view) => html`
  <nav class="chips all" aria-label="Your account">
    <ul>
      ${PLACES.map(([href, name]) => html`<li><a href=${href} aria-current=${view.url.pathname.replace(/\/$/, '') === href ? 'page' : nothing}>${name}</a></li>`)}
    </ul>
  </nav>
`;
