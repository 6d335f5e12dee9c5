// What runs low, and receiving it.

import { ask } from '../ask.js';
import { field, press, toast } from '../ui.js';
import { html } from '../vendor/lit-html.js';
import { articleCell, isLow } from './articles.js';
import { listPage } from './list.js';
import { readHidden } from './picture.js';
import { mayCall } from './rights.js';
import { adjust, adjustFields } from './stock-form.js';

const SHOW = [['', 'Running low'], ['none', 'None free'], ['all', 'All articles']];
const SORTS = [['', 'By name'], ['newest', 'Newest first']];

export default async function page(view) {
  let list;
  const receive = (article) =>
    press(async () => {
      const stock = await ask({
        title: `Move stock of ${article.name}`,
        text: `${article.available} are free now.`,
        action: 'Note it',
        fields: adjustFields('d'),
        signal: view.signal,
        work: (values) => adjust(article.id, values),
      });
      if (!stock) return;
      await list.read();
      toast(`Noted. ${stock.free} of ${article.name} are free now.`);
    });
  list = await listPage(view, {
    title: 'Stock',
    path: '/v1/articles',
    plural: 'articles',
    filters: ['show', 'q', 'sort'],
    form: ({ show, q, sort }) => html`
      ${field({ name: 'show', label: 'Which', value: show, options: SHOW })}
      ${field({ name: 'q', label: 'Search', type: 'search', value: q, maxlength: 200 })}
      ${field({ name: 'sort', label: 'Order', value: sort, options: SORTS })}
    `,
    query: ({ show, q, sort }) => ({
      query: q,
      lowStock: show === '' ? true : undefined,
      inStock: show === 'none' ? false : undefined,
      orderBy: sort === 'newest' ? 'create_time desc' : 'name',
    }),
    columns: [
      { label: 'Article', cell: (article) => articleCell(article, `/staff/articles/${article.id}/stock`) },
      { label: 'Free', number: true, cell: (article) => (isLow(article) ? html`<span class="badge warn">${article.available}</span>` : article.available) },
      { label: 'Order again at', number: true, cell: ({ lowStockThreshold }) => lowStockThreshold },
      ...(mayCall('AdjustStock')
        ? [
            {
              label: 'Move',
              number: true,
              cell: (article) => html`<button class="plain small" @click=${receive(article)}>Receive…<span class="hidden"> ${article.name}</span></button>`,
            },
          ]
        : []),
    ],
    shown: (articles) => readHidden(articles, view.signal),
    none: ({ show, q }) =>
      show || q
        ? { title: 'Nothing fits', text: 'Take a filter away to see more.' }
        : { title: 'Nothing runs low', text: 'Every article has more free units than it is to be ordered again at.' },
  });
}
