// An article's stock: how much there is, what moved, and moving some.

import { call } from '../api.js';
import { skeleton } from '../states.js';
import { moment, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { isLow } from './articles.js';
import { frame, heading, table } from './common.js';
import { picture, readHidden } from './picture.js';
import { mayCall } from './rights.js';
import { adjust, adjustFields } from './stock-form.js';
import { actor, change, orderLink, stockReason } from './words.js';

const PAGE_SIZE = 25;

const columns = [
  { label: 'What', cell: ({ reason, note }) => html`${stockReason(reason)}${note ? html`<span class="quiet note">${note}</span>` : nothing}` },
  { label: 'Free', number: true, cell: ({ freeChange }) => change(freeChange) },
  { label: 'Reserved', number: true, cell: ({ reservedChange }) => change(reservedChange) },
  { label: 'Sold', number: true, cell: ({ soldChange }) => change(soldChange) },
  { label: 'Order', cell: ({ orderId }) => (orderId ? orderLink(orderId) : nothing) },
  { label: 'Who', cell: ({ actor: who }) => actor(who) },
  { label: 'When', cell: ({ createTime }) => moment(createTime) },
];

export default async function page(view) {
  const path = `/v1/articles/${view.params.id}`;
  const above = html`<a href="/staff/articles">Articles</a> <span aria-hidden="true">›</span> <a href="/staff/articles/${view.params.id}">The article</a>`;
  view.title('Stock · Staff');
  frame(view, html`${heading('Stock', nothing, above)}${skeleton(6)}`);
  const get = (rest, query) => call('GET', `${path}${rest}`, { query, signal: view.signal });
  let article;
  let stock;
  let list;

  const read = async () => {
    // What moves is asked for first: the figures are never older than it.
    if (mayCall('ListStockMovements')) list = await get('/stock/movements', { pageSize: PAGE_SIZE });
    [article, stock] = await Promise.all([get(''), get('/stock')]);
    draw();
    if (await readHidden([article], view.signal)) draw();
  };
  const more = press(async () => {
    const next = await get('/stock/movements', { pageSize: PAGE_SIZE, pageToken: list.nextPageToken });
    list = { ...next, movements: [...list.movements, ...next.movements] };
    draw();
  });
  const move = submit(async (values, form) => {
    await adjust(view.params.id, values);
    form.reset();
    await read();
    toast(`Noted. ${stock.free} are free now.`);
  });

  const draw = () => {
    view.title(`Stock of ${article.name} · Staff`);
    frame(view, html`
      ${heading(html`<span class="thing">${picture(article)}<span>Stock of ${article.name}</span></span>`, nothing, above)}
      <dl class="figures">
        <div><dt>Free ${isLow({ ...article, available: stock.free }) ? html`<span class="badge warn">running low</span>` : nothing}</dt><dd>${stock.free}</dd></div>
        <div><dt>Reserved</dt><dd>${stock.reserved}</dd></div>
        <div><dt>Sold</dt><dd>${stock.sold}</dd></div>
      </dl>
      <div class="aside">
        ${mayCall('AdjustStock')
          ? html`
              <section class="panel">
                <h2>Move stock</h2>
                <form @submit=${move}>${adjustFields()}<div class="actions"><button>Note it</button></div></form>
              </section>
            `
          : nothing}
        ${list
          ? html`
              <section>
                <h2>Movements</h2>
                ${list.movements.length ? table('Movements, the newest first', columns, list.movements) : html`<p class="quiet">Nothing has moved yet: receive some.</p>`}
                ${list.nextPageToken ? html`<p class="more"><button class="plain" @click=${more}>Show older ones</button></p>` : nothing}
              </section>
            `
          : nothing}
      </div>
    `);
  };
  await read();
}
