// What stands in for a page, or a part of one, that has nothing to show.

import { advice } from './api.js';
import { hasRole, isStaff, may } from './session.js';
import { html, nothing } from './vendor/lit-html.js';

/** Nothing at this address. */
export const nothingHere = () => html`
  <section class="state">
    <h1>There is nothing here</h1>
    <p>The address may be mistyped, or what it showed is gone.</p>
    <p><a class="button" href="/">To the shop</a></p>
  </section>
`;

/** Not for this user, and why. */
export const notAllowed = () => {
  if (may()) return refusal('This is not for your role', 'An administrator can give you one that sees it.', '/staff', 'To what you may see');
  if (!isStaff()) {
    return refusal('This is for staff', 'Your account may not see it. Ask an administrator for the role, or sign in with another account.', '/', 'To the shop');
  }
  if (!hasRole('ROLE_STAFF') && !hasRole('ROLE_ADMIN')) {
    return refusal('Your role sees nothing', 'It has no permissions, or counts only once signing in takes a code. Ask an administrator.', '/account/security', 'Set up codes');
  }
  const text = 'Your role counts once signing in takes a code: this shop is set up so. Setting it up takes two minutes.';
  return refusal('A second factor first', text, '/account/security', 'Set it up');
};

const refusal = (title, text, href, action) => html`
  <section class="state">
    <h1>${title}</h1>
    <p>${text}</p>
    <p><a class="button" href=${href}>${action}</a></p>
  </section>
`;

/** Why a page cannot be shown, and a button to try again. */
export const failure = (error, again) => html`
  <section class="state" role="alert">
    <h1>${error.code === 'OFFLINE' ? 'You are offline' : 'That did not work'}</h1>
    <p>${advice(error)}</p>
    <p><button @click=${again}>Try again</button></p>
    ${error.requestId ? html`<p class="quiet">Number <code>${error.requestId}</code></p>` : nothing}
  </section>
`;

/** An empty list: what there would be, and where to get some. */
export const empty = (title, text, action = nothing) => html`
  <section class="state">
    <h2>${title}</h2>
    <p>${text}</p>
    ${action === nothing ? nothing : html`<p>${action}</p>`}
  </section>
`;

/** Keeps the room of what is being loaded; it becomes visible only where that takes long. */
export const skeleton = (count = 3, kind = 'line') => html`
  <div class="skeleton ${kind}" aria-busy="true">
    <span class="hidden">Loading…</span>
    ${Array.from({ length: count }, () => html`<span></span>`)}
  </div>
`;
