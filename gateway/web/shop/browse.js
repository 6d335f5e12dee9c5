// The shop's front: articles by search, category, price and stock. The address says what is shown.

import { call } from '../api.js';
import { formatMoney, parseMoney } from '../money.js';
import { go } from '../router.js';
import { may } from '../session.js';
import { empty, skeleton } from '../states.js';
import { picture, press, valuesOf } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';

const PAGE_SIZE = 24;
const FRESH_MS = 60_000;
const ORDERS = [
  ['', 'Newest first'],
  ['name', 'By name'],
  ['price', 'Lowest price first'],
  ['price desc', 'Highest price first'],
];

// What was shown last, so that coming back shows it at once and as far down as it was.
let last;

export default async function browse(view) {
  const filter = Object.fromEntries(['q', 'category', 'stock', 'min', 'max', 'currency', 'sort'].map((name) => [name, view.query.get(name) ?? '']));
  const key = JSON.stringify(filter);
  const title = filter.q ? `“${filter.q}”` : filter.category || 'Welcome to the market';
  view.title(filter.q || filter.category);

  let list = last?.key === key && Date.now() - last.time < FRESH_MS ? last : undefined;
  const draw = () => view.show(page(title, filter, list, more));
  const more = press(async () => {
    const next = await read(filter, list.nextPageToken, view.signal);
    const first = list.articles.length;
    list.articles.push(...next.articles);
    list.nextPageToken = next.nextPageToken;
    draw();
    document.querySelectorAll('.grid a')[first]?.focus();
  });

  if (!list) {
    // What is there stays until it takes long: then its room is kept.
    const slow = setTimeout(draw, document.querySelector('.grid') ? 300 : 0);
    view.signal.addEventListener('abort', () => clearTimeout(slow));
    try {
      list = last = { key, time: Date.now(), ...(await read(filter, '', view.signal)) };
    } finally {
      clearTimeout(slow);
    }
  }
  draw();
  performance.mark('feira.usable');
  // Who comes straight to one category is offered others as well.
  if (known.size < 2 && (filter.q || filter.category)) {
    see((await call('GET', '/v1/articles', { query: { pageSize: 100 }, signal: view.signal })).articles);
    draw();
  }
}

async function read(filter, pageToken, signal) {
  const currency = filter.currency || 'EUR';
  const bound = (text) => (text ? parseMoney(text, currency) : undefined);
  const [min, max] = [bound(filter.min), bound(filter.max)];
  const amount = (name, money) =>
    money && { [`${name}.currencyCode`]: currency, [`${name}.units`]: money.units, [`${name}.nanos`]: money.nanos };
  const query = {
    pageSize: PAGE_SIZE,
    pageToken,
    query: filter.q,
    category: filter.category,
    // Staff would see what is not for sale, too.
    active: may('catalogue', 'stock', 'fulfilment', 'reports') ? true : undefined,
    inStock: filter.stock ? true : undefined,
    orderBy: filter.sort || 'create_time desc',
    ...amount('minPrice', min),
    ...amount('maxPrice', max),
  };
  const list = await call('GET', '/v1/articles', { query, signal });
  see(list.articles);
  return list;
}

/** The address of a filter. */
const addressOf = (filter) => {
  const query = new URLSearchParams(Object.entries(filter).filter(([, value]) => value));
  return query.size ? `/?${query}` : '/';
};

const page = (title, filter, list, more) => html`
  <h1 class=${filter.q || filter.category ? '' : 'welcome'}>${title}</h1>
  ${categories(filter, list)} ${filters(filter, list)}
  ${!list
    ? skeleton(8, 'grid')
    : list.articles.length
      ? html`
          <ul class="grid">
            ${list.articles.map(card)}
          </ul>
          ${list.nextPageToken ? html`<p class="more"><button class="plain" @click=${more}>Show more</button></p>` : nothing}
        `
      : empty('Nothing found', 'Try fewer words, or look at everything.', html`<a class="button" href="/">Everything</a>`)}
`;

// The API lists no categories: those seen so far are offered, in this tab and before.
const SEEN = 'feira.categories';
const known = new Set(JSON.parse(sessionStorage.getItem(SEEN) ?? '[]'));

function see(articles) {
  const before = known.size;
  for (const { category } of articles) if (category) known.add(category);
  if (known.size > before) sessionStorage.setItem(SEEN, JSON.stringify([...known]));
}

const categories = (filter, list) => {
  const names = [...new Set(filter.category ? [...known, filter.category] : known)].sort();
  const link = (name, text) => html`
    <li>
      <a href=${addressOf({ ...filter, category: name })} aria-current=${filter.category === name ? 'true' : nothing}>${text}</a>
    </li>
  `;
  return html`
    <nav class="chips" aria-label="Categories">
      <ul>
        ${link('', 'Everything')} ${names.map((name) => link(name, name))}
      </ul>
    </nav>
  `;
};

const filters = (filter, list) => {
  const currency = filter.currency || list?.articles.find((article) => article.price)?.price.currencyCode || '';
  const apply = (event) => {
    event.preventDefault();
    const { stock, min, max, sort } = valuesOf(event.currentTarget);
    const bounded = min || max ? currency : '';
    go(addressOf({ ...filter, stock: stock ? '1' : '', min, max, sort, currency: bounded }));
  };
  const at = (event) => event.currentTarget.form.requestSubmit();
  return html`
    <form class="filters" aria-label="Filter" @submit=${apply}>
      <div class="inline">
        <label for="sort">Order</label>
        <select id="sort" name="sort" @change=${at}>
          ${ORDERS.map(([value, text]) => html`<option value=${value} ?selected=${value === filter.sort}>${text}</option>`)}
        </select>
      </div>
      <div class="inline">
        <input type="checkbox" id="stock" name="stock" ?checked=${filter.stock} @change=${at} />
        <label for="stock">In stock</label>
      </div>
      <fieldset class="inline">
        <legend class="hidden">Price</legend>
        <label for="min">From</label>
        <input id="min" name="min" inputmode="decimal" size="6" pattern="\\d+([.,]\\d+)?" title="An amount, as 5 or 4.50" value=${filter.min} />
        <label for="max">to</label>
        <input id="max" name="max" inputmode="decimal" size="6" pattern="\\d+([.,]\\d+)?" title="An amount, as 5 or 4.50" value=${filter.max} />
        <span>${currency}</span>
        <button class="plain">Apply</button>
      </fieldset>
    </form>
  `;
};

const card = (article, index) => html`
  <li class="card">
    <a href="/articles/${article.id}">
      ${picture(article, { eager: index < 4 })}
      <span class="name">${article.name}</span>
      <span class="price">${formatMoney(article.price)}</span>
      ${article.available === '0' ? html`<span class="badge">Sold out</span>` : nothing}
    </a>
  </li>
`;
