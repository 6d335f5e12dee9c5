// The basket: change, remove, and on to the checkout.

import { call } from '../api.js';
import { basketIs, readBasket } from '../basket.js';
import { formatMoney, sign } from '../money.js';
import { empty, skeleton } from '../states.js';
import { press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { sums } from './parts.js';
import { lookUp, pictureOf } from './pictures.js';

export default async function page(view) {
  view.title('Basket');
  const slow = setTimeout(() => view.show(html`<h1>Basket</h1>${skeleton(3, 'card')}`), 300);
  view.signal.addEventListener('abort', () => clearTimeout(slow));
  let basket = await readBasket(view.signal).finally(() => clearTimeout(slow));

  const now = (order) => {
    basket = order;
    basketIs(order);
    draw();
  };
  // What somebody else, or another tab, changed meanwhile is read again before it is changed here.
  const again = async (error) => {
    if (!['ETAG_MISMATCH', 'NOT_FOUND', 'ILLEGAL_STATE'].includes(error.reason)) return false;
    now(await readBasket(view.signal));
    toast('The basket has changed meanwhile: this is how it stands now.', 'bad');
    return true;
  };
  const change = (line) =>
    submit(async ({ quantity }) => {
      const body = { quantity: Number(quantity), etag: basket.etag };
      now(await call('PATCH', `/v1/orders/open/lines/${line.id}`, { body }));
      toast(`${line.name}: ${quantity}.`);
    }, again);
  const remove = (line) =>
    press(async () => {
      now(await call('DELETE', `/v1/orders/open/lines/${line.id}`, { query: { etag: basket.etag } }));
      toast(`${line.name} is out of the basket.`);
      document.querySelector('main h1').focus();
    }, again);
  const draw = () => view.show(template(basket, change, remove));
  draw();
  await lookUp(basket?.lines ?? [], view.signal);
  draw();
}

const template = (basket, change, remove) => html`
  <h1 tabindex="-1">Basket</h1>
  ${!basket?.lines.length
    ? empty('It is empty', 'What you add is kept here until you check out.', html`<a class="button" href="/">Look around</a>`)
    : html`
        ${basket.state === 'ORDER_STATE_OPEN'
          ? nothing
          : html`<p class="notice warn">This basket is being checked out. <a href="/orders/${basket.id}">See how far it is</a></p>`}
        <ul class="lines">
          ${basket.lines.map((line) => row(line, change(line), remove(line)))}
        </ul>
        ${sums(basket)}
        <p class="actions end"><a class="button" href="/checkout">Check out</a></p>
      `}
`;

const row = (line, change, remove) => html`
  <li class="line change">
    ${pictureOf(line)}
    <div class="what">
      <a href="/articles/${line.articleId}">${line.name}</a>
      <span class="quiet">${formatMoney(line.unitPrice)} each</span>
    </div>
    <form class="quantity" @submit=${change}>
      <label class="hidden" for="q-${line.id}">Quantity of ${line.name}</label>
      <input id="q-${line.id}" name="quantity" type="number" inputmode="numeric" min="1" max="1000" required .value=${String(line.quantity)}
        @change=${(event) => event.currentTarget.form.requestSubmit()} />
    </form>
    <span class="total">
      ${formatMoney(line.total)}
      ${line.discount && sign(line.discount) ? html`<span class="quiet">${formatMoney(line.discount)}</span>` : nothing}
    </span>
    <button class="link" @click=${remove} aria-label="Remove ${line.name}">Remove</button>
  </li>
`;
