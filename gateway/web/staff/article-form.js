// An article's form: what is in it, what was changed, and what somebody else changed meanwhile.

import { formatMoney, toDecimal, toNanos } from '../money.js';
import { check, field } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { amountOf, invalid } from './common.js';
import { percentOf, pointsOf } from './words.js';

/** The fields that can be changed, with what people call them. */
const FIELDS = {
  code: 'Code',
  name: 'Name',
  description: 'Description',
  category: 'Category',
  price: 'Price',
  taxRateBasisPoints: 'Tax',
  lowStockThreshold: 'Order again at',
  active: 'For sale',
};

/** Its inputs. */
export const articleFields = (article = {}) => html`
  ${field({ name: 'name', label: 'Name', value: article.name, required: true, maxlength: 200 })}
  <div class="pair">
    ${field({ name: 'code', label: 'Code', value: article.code, required: true, pattern: '[0-9A-Za-z._\\-]{1,64}', title: 'letters, digits and . _ -', autocapitalize: 'none', spellcheck: 'false' })}
    ${field({ name: 'category', label: 'Category', value: article.category, maxlength: 100 })}
  </div>
  ${field({ name: 'description', label: 'Description', value: article.description, rows: 4, maxlength: 5000, verbatim: true })}
  <div class="pair numbers">
    ${field({ name: 'price', label: 'Price', value: article.price ? toDecimal(article.price) : '', hint: 'with tax, such as 12.50', inputmode: 'decimal' })}
    ${field({ name: 'currency', label: 'Currency', value: article.price?.currencyCode ?? 'EUR', required: true, pattern: '[A-Z]{3}', title: 'three capitals, such as EUR', maxlength: 3 })}
    ${field({ name: 'taxRateBasisPoints', label: 'Tax in it, %', value: percentOf(article.taxRateBasisPoints ?? 2300), inputmode: 'decimal', required: true })}
    ${field({ name: 'lowStockThreshold', label: 'Order again at', value: article.lowStockThreshold ?? '5', hint: 'units or fewer', inputmode: 'numeric', pattern: '[0-9]{1,15}', title: 'a whole number', required: true })}
  </div>
  ${check({ name: 'active', label: 'For sale: shoppers see it (needs a price)', checked: article.active ?? false })}
`;

/** The article that the form describes. Throws what the form shows. */
export function articleOf(values) {
  const taxRateBasisPoints = pointsOf(values.taxRateBasisPoints);
  if (taxRateBasisPoints === undefined) throw invalid('taxRateBasisPoints', 'must be from 0 to 100, such as 23 or 5.5');
  const price = amountOf(values.price, values.currency, 'price');
  if (values.active && !price) throw invalid('price', 'is needed while the article is for sale');
  const { code, name, category, lowStockThreshold, active } = values;
  // Blanks are kept as they are, line breaks as the API has them; it takes no tabs.
  const description = values.description.replace(/\r\n?/g, '\n').replace(/[\t\v\f]/g, ' ');
  return { code, name, description, category, price, taxRateBasisPoints, lowStockThreshold, active };
}

const isSame = (one, other) =>
  typeof (one ?? other) === 'object'
    ? Boolean(one) === Boolean(other) && one.currencyCode === other.currencyCode && toNanos(one) === toNanos(other)
    : String(one ?? '') === String(other ?? '');

/** The names of the fields in which two articles differ. */
export const differences = (one, other) => Object.keys(FIELDS).filter((name) => !isSame(one[name], other[name]));

const shown = (name, article) => {
  const value = article[name];
  if (name === 'price') return value ? formatMoney(value) : 'none';
  if (name === 'taxRateBasisPoints') return `${percentOf(value)} %`;
  if (name === 'active') return value ? 'yes' : 'no';
  return value || 'empty';
};

/** What somebody else saved meanwhile beside what was typed here, and the ways on. */
export const conflict = (mine, theirs, take) => html`
  <section class="notice warn conflict" role="alert" tabindex="-1">
    <h2>Somebody saved this article meanwhile</h2>
    ${differences(mine, theirs).length
      ? html`
          <table>
            <thead><tr><th scope="col">Field</th><th scope="col">Saved now</th><th scope="col">Typed here</th></tr></thead>
            <tbody>
              ${differences(mine, theirs).map(
                (name) => html`<tr><th scope="row">${FIELDS[name]}</th><td>${shown(name, theirs)}</td><td>${shown(name, mine)}</td></tr>`,
              )}
            </tbody>
          </table>
          <p>Save once more to keep what was typed here, or take what is saved now.</p>
        `
      : html`<p>It is saved just as it was typed here.</p>`}
    <p><button class="plain" @click=${take}>Take what is saved now</button></p>
  </section>
`;

/** A shop's link to an article that shoppers see. */
export const inShop = ({ id, active }) => (active ? html`<a class="button plain" href="/articles/${id}">See it in the shop</a>` : nothing);
