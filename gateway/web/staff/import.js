// Many articles at once, from a file; and out again.

import { call } from '../api.js';
import { download, today } from '../download.js';
import { field, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { facts, frame, heading, invalid, table } from './common.js';

const TYPES = { csv: 'text/csv', ndjson: 'application/x-ndjson', jsonl: 'application/x-ndjson' };

const columns = [
  { label: 'Row', cell: ({ row }) => html`Row ${row}` },
  { label: 'Code', cell: ({ code }) => (code ? html`<code>${code}</code>` : nothing) },
  {
    label: 'What is wrong',
    cell: ({ violations }) => html`<ul>${violations.map(({ field, description }) => html`<li>${field ? html`<code>${field}</code> ` : nothing}${description}</li>`)}</ul>`,
  },
];

const outcome = ({ created, updated, unchanged, failed, errors }) => html`
  <section class="panel" id="outcome" tabindex="-1">
    <h2>What became of it</h2>
    ${facts([['New', created], ['Changed', updated], ['As they were', unchanged], ['Failed', failed]])}
    ${failed === '0'
      ? html`<p class="notice good">Every row is in the shop.</p>`
      : html`
          <p class="notice bad">
            ${failed === '1' ? 'One row' : `${failed} rows`} failed; all others are in the shop. Put right what is listed here, then
            bring the whole file in again: what is done already is not done twice.
          </p>
          ${table('Rows that failed', columns, errors)}
          ${Number(failed) > errors.length ? html`<p>These are the first ${errors.length}.</p>` : nothing}
        `}
  </section>
`;

export default function page(view) {
  view.title('Import articles · Staff');
  let result;
  const send = submit(async (_, form) => {
    const [file] = form.elements.file.files;
    const type = TYPES[file.name.split('.').pop().toLowerCase()];
    if (!type) throw invalid('file', 'must end in .csv or .ndjson');
    // Not by the file's own type, which differs from system to system.
    result = await call('POST', '/v1/articles:import', { body: file, headers: { 'content-type': type } });
    draw();
    form.reset();
    document.getElementById('outcome').focus();
  });
  const save = (ending, accept) =>
    press(async () => {
      const name = `articles-${today()}.${ending}`;
      await download('/v1/articles:export', { accept, name, signal: view.signal });
      toast(`${name} is saved.`);
    });
  const draw = () =>
    frame(view, html`
      ${heading('Import and export articles', nothing, html`<a href="/staff/articles">Articles</a>`)}
      <div class="halves">
        <div>
          <section class="panel">
            <h2>Bring in a file</h2>
            <form @submit=${send}>
              ${field({ name: 'file', label: 'File', type: 'file', accept: '.csv,.ndjson,.jsonl', required: true, hint: 'a table (CSV, UTF-8) or JSON lines, a row for each article' })}
              <div class="actions"><button>Bring it in</button></div>
            </form>
          </section>
          ${result ? outcome(result) : nothing}
        </div>
        <div>
          <section class="panel">
            <h2>What a row says</h2>
            <p>
              The column <code>code</code> names the article: one that is there is changed, any other is made and needs a
              <code>name</code>. Further columns, as you like: <code>description</code>, <code>category</code>,
              <code>price.amount</code> with <code>price.currencyCode</code>, <code>taxRateBasisPoints</code> (2300 is 23 %),
              <code>active</code>, <code>lowStockThreshold</code>, <code>imageUrl</code>, and for new articles <code>received</code>, the units in stock.
            </p>
            <p>
              After a stock take, <code>counted</code> has the units that are on the shelf, those of orders not yet paid among them, and
              <code>note</code> why they differ: the books are corrected.
            </p>
            <p>What a row leaves out stays as it is. Numbers are written without thousands separators.</p>
          </section>
          <section class="panel">
            <h2>Save all articles</h2>
            <p>What you save here can be edited and brought in again.</p>
            <div class="actions">
              <button class="plain" @click=${save('csv', 'text/csv')}>As a table (CSV)</button>
              <button class="plain" @click=${save('ndjson', 'application/x-ndjson')}>As JSON lines</button>
            </div>
          </section>
        </div>
      </div>
    `);
  draw();
}
