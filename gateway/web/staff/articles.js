// All articles, for sale or not.

import { download, today } from '../download.js';
import { formatMoney } from '../money.js';
import { day, field, press, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { listPage } from './list.js';
import { picture, readHidden } from './picture.js';
import { mayCall } from './rights.js';

const SORTS = [
  ['create_time desc', 'Newest first'],
  ['create_time', 'Oldest first'],
  ['name', 'By name'],
  ['price', 'Lowest price first'],
  ['price desc', 'Highest price first'],
];
const SALE = [['', 'All'], ['yes', 'For sale'], ['no', 'Not for sale']];
const STOCK = [['', 'Any'], ['low', 'Running low'], ['none', 'None free'], ['some', 'Some free']];

/** Filters as the API takes them: those of a list, and of an export. */
const filterOf = ({ q, category, sale, stock }) => ({
  query: q,
  category,
  active: { yes: true, no: false }[sale],
  lowStock: stock === 'low' ? true : undefined,
  inStock: { none: false, some: true }[stock],
});

const form = ({ q, category, sale, stock, sort }) => html`
  ${field({ name: 'q', label: 'Search', type: 'search', value: q, maxlength: 200 })}
  ${field({ name: 'category', label: 'Category', value: category, maxlength: 100 })}
  ${field({ name: 'sale', label: 'For sale', value: sale, options: SALE })}
  ${field({ name: 'stock', label: 'Stock', value: stock, options: STOCK })}
  ${field({ name: 'sort', label: 'Order', value: sort, options: SORTS })}
`;

/** Whether it is time to order an article again. */
export const isLow = ({ available, lowStockThreshold }) => Number(available) <= Number(lowStockThreshold);

/** An article by its picture, name and code. */
export const articleCell = (article, href = `/staff/articles/${article.id}`) => html`
  <span class="thing">
    ${picture(article)}
    <span><a class="whole" href=${href}>${article.name}</a><span class="quiet">${article.code}</span></span>
  </span>
`;

const columns = [
  { label: 'Article', cell: (article) => articleCell(article) },
  { label: 'Category', cell: ({ category }) => category || nothing },
  { label: 'Price', number: true, cell: ({ price }) => (price ? formatMoney(price) : html`<span class="quiet">none</span>`) },
  {
    label: 'Free',
    number: true,
    cell: (article) => html`${isLow(article) ? html`<span class="badge warn">low</span> ` : nothing}${article.available}`,
  },
  {
    label: 'For sale',
    cell: ({ active }) => (active ? html`<span class="badge good">For sale</span>` : html`<span class="badge">Not for sale</span>`),
  },
  { label: 'Changed', cell: ({ updateTime }) => day(updateTime) },
];

export default function page(view) {
  const save = (values) =>
    press(async () => {
      const name = `articles-${today()}.csv`;
      await download('/v1/articles:export', { query: filterOf(values), accept: 'text/csv', name, signal: view.signal });
      toast(`${name} is saved.`);
    });
  return listPage(view, {
    title: 'Articles',
    path: '/v1/articles',
    plural: 'articles',
    filters: ['q', 'category', 'sale', 'stock', 'sort'],
    form,
    columns,
    query: (values) => ({ ...filterOf(values), orderBy: values.sort || 'create_time desc' }),
    none: (values) =>
      Object.values(values).some(Boolean)
        ? { title: 'Nothing fits', text: 'Take a filter away to see more.' }
        : { title: 'No articles yet', text: 'Somebody who looks after the catalogue makes the first one, or brings many in from a file.' },
    shown: (articles) => readHidden(articles, view.signal),
    tools: (values) => html`
      ${mayCall('ExportArticles') ? html`<button class="plain" @click=${save(values)}>Export</button>` : nothing}
      ${mayCall('ImportArticles') ? html`<a class="button plain" href="/staff/articles/import">Import</a>` : nothing}
      ${mayCall('CreateArticle') ? html`<a class="button" href="/staff/articles/new">New article</a>` : nothing}
    `,
  });
}
