// One article: what it is, what it costs, and into the basket with it.

import { call } from '../api.js';
import { basketIs } from '../basket.js';
import { formatMoney } from '../money.js';
import { go, renameTo } from '../router.js';
import { skeleton } from '../states.js';
import { currentUser } from '../session.js';
import { picture, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';

/** The most of one article that an order takes in a line. */
const MOST = 1000;
const FEW = 5n;

export default async function page(view) {
  const slow = setTimeout(() => view.show(skeleton(4)), 300);
  view.signal.addEventListener('abort', () => clearTimeout(slow));
  const path = `/v1/articles/${view.params.id}`;
  const article = await call('GET', path, { signal: view.signal }).finally(() => clearTimeout(slow));
  view.title(article.name);

  const put = submit(async ({ quantity }) => {
    if (!currentUser()) {
      // After signing in, this page goes on by itself.
      const next = `${view.url.pathname}?add=${quantity}`;
      await go(`/sign-in?next=${encodeURIComponent(next)}`);
      return;
    }
    await add(Number(quantity));
  });
  const add = async (quantity) => {
    const body = { articleId: article.id, quantity };
    basketIs(await call('POST', '/v1/orders/open/lines', { body }));
    view.added = true;
    toast(`${quantity} × ${article.name} is in your basket.`);
    draw();
  };
  const draw = () => view.show(template(article, put, view.added, view.query.get('add')));
  draw();

  const wanted = view.query.get('add');
  if (wanted && currentUser()) {
    renameTo(view.url.pathname);
    document.querySelector('form.put')?.requestSubmit();
  }
}

const template = (article, put, added, quantity) => html`
  <nav aria-label="Where you are" class="crumbs">
    <a href="/">Everything</a>
    ${article.category
      ? html`<span aria-hidden="true">/</span> <a href="/?category=${encodeURIComponent(article.category)}">${article.category}</a>`
      : nothing}
  </nav>
  <article class="article">
    ${picture(article, { eager: true, alt: article.name })}
    <div>
      <h1>${article.name}</h1>
      <p class="cost">${formatMoney(article.price)}</p>
      <p class="quiet">${tax(article)}</p>
      <p>${stock(article)}</p>
      ${article.available === '0'
        ? nothing
        : html`
            <form class="put" @submit=${put}>
              <label for="quantity">Quantity</label>
              <input id="quantity" name="quantity" type="number" inputmode="numeric" min="1" max=${MOST} required value=${quantity ?? 1} />
              <button>Add to basket</button>
            </form>
          `}
      ${added ? html`<p><a href="/basket">Go to the basket</a></p>` : nothing}
      ${article.description ? html`<p class="about">${article.description}</p>` : nothing}
      <p class="quiet">Article ${article.code}</p>
    </div>
  </article>
`;

/** `23 %` of hundredths of a percent. */
const percent = (basisPoints) => `${Math.floor(basisPoints / 100)}${basisPoints % 100 ? `.${String(basisPoints % 100).padStart(2, '0')}` : ''} %`;

const tax = ({ taxRateBasisPoints: rate }) => (rate ? `Includes ${percent(rate)} tax` : 'Free of tax');

const stock = ({ available }) => {
  const left = BigInt(available);
  if (left <= 0n) return html`<span class="badge bad">Sold out</span>`;
  if (left <= FEW) return html`<span class="badge warn">Only ${available} left</span>`;
  return html`<span class="badge good">In stock</span>`;
};
