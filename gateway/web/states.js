// What stands in for a page, or a part of one, that has nothing to show.

import { advice } from './api.js';
import { html, nothing } from './vendor/lit-html.js';

/** Nothing at this address. */
export const nothingHere = () => html`
  <section class="state">
    <h1>There is nothing here</h1>
    <p>The address may be mistyped, or what it showed is gone.</p>
    <p><a class="button" href="/">To the shop</a></p>
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
