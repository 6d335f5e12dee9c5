// A page with a list: filters that the address keeps, a table, and its pages.

import { call } from '../api.js';
import { renameTo } from '../router.js';
import { empty, skeleton } from '../states.js';
import { field, showErrors, submit, valuesOf } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { amountOf, amountQuery, frame, heading, table } from './common.js';
import { mayCall } from './rights.js';

const PAGE_SIZE = 25;
/** Pages that are read again one after the other where an address names a later one. */
const WALK = 40;

// Where the pages of what was listed begin, by path and filters.
const beginnings = new Map();

/**
 * Shows a list: `{title, path, plural, filters, query, columns, none, tools, below}`.
 *
 * - `filters`: the names of the filters' parameters; `form(values)`: their inputs;
 * - `query(values, signal)`: what they are to the API;
 * - `columns`: as in `table`;
 * - `none(values)`: what an empty list says, `{title, text, action}`;
 * - `tools(values)`, `below(rows)`: what stands beside the title and under the rows;
 * - `total(values, signal)`: how many there are in all, where that is known;
 * - `shown(rows)`: what is to be read yet once they are shown; gives whether to draw them again.
 *
 * Gives `{read}` to list anew.
 */
export async function listPage(view, spec) {
  let values = Object.fromEntries(spec.filters.map((name) => [name, view.query.get(name) ?? '']));
  let page = Math.min(Math.max(Number.parseInt(view.query.get('page'), 10) || 1, 1), WALK);
  let list;
  let total;
  view.title(`${spec.title} · Staff`);

  const address = (number) => {
    // The currency says nothing without an amount.
    const counts = ([filter, value]) => value && (filter !== 'currency' || values.min || values.max);
    const query = new URLSearchParams(Object.entries(values).filter(counts));
    if (number > 1) query.set('page', number);
    return `${view.url.pathname}${query.size ? `?${query}` : ''}`;
  };

  const read = async () => {
    const filter = { ...(await spec.query(values, view.signal)), pageSize: spec.pageSize ?? PAGE_SIZE };
    const key = address(1);
    const tokens = beginnings.get(key) ?? [''];
    const at = (pageToken) => call('GET', spec.path, { query: { ...filter, pageToken }, signal: view.signal });
    while (tokens.length < page) {
      const { nextPageToken } = await at(tokens.at(-1));
      if (!nextPageToken) page = tokens.length;
      else tokens.push(nextPageToken);
    }
    [list, total] = await Promise.all([at(tokens[page - 1]), spec.total?.(values, view.signal)]);
    tokens.length = page;
    if (list.nextPageToken) tokens.push(list.nextPageToken);
    beginnings.set(key, tokens);
    draw();
    if (await spec.shown?.(list[spec.plural])) draw();
  };

  const apply = submit(async (_, form) => {
    // What is changed while it reads counts too.
    let asked;
    do {
      asked = JSON.stringify(valuesOf(form));
      values = { ...JSON.parse(asked) };
      page = 1;
      beginnings.delete(address(1));
      await read();
    } while (asked !== JSON.stringify(valuesOf(form)));
    renameTo(address(1));
  });

  const draw = () => {
    const rows = list?.[spec.plural];
    frame(view, html`
      ${heading(spec.title, spec.tools?.(values) ?? nothing)}
      ${spec.form
        ? html`
            <form class="filter-bar" role="search" aria-label="Filter ${spec.title.toLowerCase()}" @submit=${apply} @change=${(event) => event.currentTarget.requestSubmit()}>
              ${spec.form(values)}
              <button class="plain">Show</button>
            </form>
          `
        : nothing}
      ${total === undefined ? nothing : html`<p class="quiet total">${total} in all</p>`}
      <p class="hidden" role="status">${rows ? `${rows.length} on page ${page}${list.nextPageToken ? ', and more' : ''}` : ''}</p>
      ${!rows
        ? skeleton(6)
        : rows.length
          ? html`${table(spec.title, spec.columns, rows)} ${spec.below?.(rows) ?? nothing}`
          : none(spec.none(values))}
      ${rows ? pager(page, Boolean(list.nextPageToken), address) : nothing}
    `);
  };
  const none = ({ title, text, action }) => empty(title, text, action);

  // What is there stays until it takes long: then its room is kept.
  const slow = setTimeout(draw, 250);
  try {
    await read();
  } catch (error) {
    if (!error.violations?.length) throw error;
    list = { [spec.plural]: [], nextPageToken: '' };
    draw();
    showErrors(document.querySelector('.filter-bar'), error);
  } finally {
    clearTimeout(slow);
  }
  return { read };
}

const pager = (page, more, address) =>
  page === 1 && !more
    ? nothing
    : html`
        <nav class="pager" aria-label="Pages">
          ${page > 1 ? html`<a class="button plain" rel="prev" href=${address(page - 1)}>Previous</a>` : html`<span></span>`}
          <span class="quiet">Page ${page}</span>
          ${more ? html`<a class="button plain" rel="next" href=${address(page + 1)}>Next</a>` : html`<span></span>`}
        </nav>
      `;

/** Filters by customer and amount, behind a button; open where one of them is set. */
export const further = (values, amount) => html`
  <details class="further" ?open=${values.customer || values.min || values.max}>
    <summary>More filters</summary>
    <div class="further-fields">
      ${mayCall('ListUsers') || values.customer ? field({ name: 'customer', label: 'Customer', value: values.customer, maxlength: 254, autocapitalize: 'none', spellcheck: 'false' }) : nothing}
      ${field({ name: 'min', label: `${amount} from`, value: values.min, inputmode: 'decimal' })}
      ${field({ name: 'max', label: `${amount} to`, value: values.max, inputmode: 'decimal' })}
      ${field({ name: 'currency', label: 'in', value: values.currency || 'EUR', pattern: '[A-Z]{3}', title: 'three capitals, such as EUR', maxlength: 3 })}
    </div>
  </details>
`;

/** The names of those filters. */
export const FURTHER = ['customer', 'min', 'max', 'currency'];

/** What the filter by amount is to the API: `min…` and `max…` of `amount`. */
export const amountsOf = ({ min, max, currency }, amount) => ({
  ...amountQuery(`min${amount}`, amountOf(min, currency || 'EUR', 'min')),
  ...amountQuery(`max${amount}`, amountOf(max, currency || 'EUR', 'max')),
});
