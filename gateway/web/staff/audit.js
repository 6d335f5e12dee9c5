// Whether stock and money add up.

import { call } from '../api.js';
import { moment, press } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { facts, frame, heading, table } from './common.js';
import { idLink } from './words.js';

const EQUATIONS = {
  stock_total: 'Stock is what came in less what went out',
  stock_not_negative: 'No stock is below zero',
  stock_movements: 'Stock movements are numbered without a gap',
  stock_reserved: 'Reserved stock is what live reservations hold',
  stock_sold: 'Sold stock is what reservations became',
  article_shelf: 'Lists find articles by the state and stock they have',
  order_total: 'An order’s total is its lines and adjustments',
  order_currency: 'An order is in one currency',
  order_history: 'An order’s history is whole and ends in its state',
  order_paid: 'A paid order has a payment of its total',
  order_charged_once: 'An order is charged once',
  order_refunded: 'Money of orders that did not want it went back',
  order_reserved: 'Reservations are of orders that wait for payment',
  order_sold: 'Sold are the lines of paid orders, and no others',
  payment_balance: 'Authorised is captured, voided and still open',
  payment_refunds: 'No more is given back than was captured',
  payment_ledger: 'The ledger has what payments say',
  payment_disputes: 'Banks have what disputes withdrew',
  dispute_fees: 'The ledger has each fee of a dispute once',
  payment_history: 'A payment’s history is whole and ends in its state',
  ledger_balance: 'Every transaction of the ledger sums to zero',
};

const columns = [
  { label: 'Equation', cell: ({ equation }) => html`${EQUATIONS[equation] ?? equation}<code class="note">${equation}</code>` },
  { label: 'About', cell: ({ ids }) => html`<ul class="ids">${ids.map((id) => html`<li>${idLink(id)}</li>`)}</ul>` },
  { label: 'Figures', cell: ({ detail }) => detail },
];

export default function page(view) {
  view.title('Audit · Staff');
  let result;
  let time;
  const verify = press(async () => {
    result = await call('POST', '/v1/audit:verify', { body: {}, signal: view.signal });
    time = new Date().toISOString();
    draw();
    document.getElementById('result').focus();
  });
  const draw = () =>
    frame(view, html`
      ${heading('Audit', html`<button @click=${verify}>${result ? 'Check again' : 'Check now'}</button>`)}
      <p class="lead">
        Checks every equation of stock and money over all articles, orders and payments. It changes nothing, and can run at any
        time; in a large shop it takes a while.
      </p>
      <section id="result" tabindex="-1" aria-label="Result">
        ${result ? outcome(result, time) : nothing}
      </section>
      <section class="panel">
        <h2>What is checked</h2>
        <ul class="columns">${Object.values(EQUATIONS).map((text) => html`<li>${text}</li>`)}</ul>
      </section>
    `);
  draw();
}

const outcome = ({ ok, checked, inFlight, violations }, time) => html`
  <div class="panel">
    <p class="notice ${ok ? 'good' : 'bad'}">
      ${ok
        ? 'Everything adds up.'
        : html`<strong>${violations.length === 1 ? 'Something does' : `${violations.length} things do`} not add up.</strong> Look at each of them before you go on selling, and keep this result.`}
    </p>
    ${facts([['Looked at', checked], ['Under way meanwhile', inFlight], ['At', moment(time)]])}
    ${violations.length ? table('What does not add up', columns, violations) : nothing}
  </div>
`;
