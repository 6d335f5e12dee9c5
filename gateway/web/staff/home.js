// Where staff begin.

import { html } from '../vendor/lit-html.js';

export default function page(view) {
  view.title('Staff');
  view.show(html`<h1>Staff</h1>`);
}
