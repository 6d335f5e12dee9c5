// What runs: every process of every role, kept up to date.

import { call } from '../api.js';
import { skeleton } from '../states.js';
import { moment } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { every, frame, heading, table } from './common.js';

const REFRESH_MS = 5000;
const KINDS = { sqlite: 'SQLite', postgres: 'PostgreSQL', mysql: 'MySQL' };

/** How long ago, in the two units that matter. */
export function since(time, now = Date.now()) {
  const seconds = Math.max(0, Math.floor((now - new Date(time)) / 1000));
  const units = [[86_400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];
  const found = units.findIndex(([size]) => seconds >= size);
  const first = found < 0 ? units.length - 1 : found;
  return units
    .slice(first, first + 2)
    .map(([size, name], index) => [Math.floor((index ? seconds % units[first][0] : seconds) / size), name])
    .filter(([count], index) => count || !index)
    .map(([count, name]) => `${count} ${name}`)
    .join(' ');
}

const columns = [
  { label: 'Role', cell: ({ role, healthy }) => html`<strong>${role}</strong> <span class="badge ${healthy ? 'good' : 'bad'}">${healthy ? 'Healthy' : 'Not heard of'}</span>` },
  { label: 'Version', cell: ({ version }) => version || nothing },
  { label: 'Address', cell: ({ address }) => html`<code class="unbroken">${address}</code>` },
  { label: 'Runs for', cell: ({ startTime }) => (startTime ? html`<time datetime=${startTime}>${since(startTime)}</time>` : nothing) },
  {
    label: 'Database',
    cell: ({ databaseKind, databaseLocation }) => (databaseKind ? html`${KINDS[databaseKind] ?? databaseKind}<code class="note">${databaseLocation}</code>` : html`<span class="quiet">none</span>`),
  },
  { label: 'Schema', cell: ({ schemaVersion }) => (schemaVersion ? html`<code>${schemaVersion}</code>` : nothing) },
  { label: 'Heard of', cell: ({ lastSeenTime }) => (lastSeenTime ? html`${since(lastSeenTime)} ago` : nothing) },
];

/** So many microseconds, for people. */
export function span(us) {
  const ms = Number(us) / 1000;
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : since(0, ms);
}

const taskColumns = [
  { label: 'Task', cell: ({ name, error }) => html`<code class="unbroken">${name}</code>${error ? html` <span class="badge bad">Failed</span>` : nothing}` },
  { label: 'Address', cell: ({ address }) => html`<code class="unbroken">${address}</code>` },
  { label: 'Runs', cell: ({ runs, failures }) => (failures === '0' ? runs : `${runs}, ${failures} failed`) },
  { label: 'Last run', cell: ({ lastRunTime, lastRunUs }) => (lastRunTime ? html`${since(lastRunTime)} ago<span class="note">took ${span(lastRunUs)}</span>` : nothing) },
  { label: 'Behind', cell: ({ lagUs }) => (lagUs === '0' ? nothing : span(lagUs)) },
  { label: 'Error', cell: ({ error }) => error || nothing },
];

/** The background tasks of all instances: those that fail first. */
const tasksOf = instances => instances
  .flatMap(({ address, tasks }) => tasks.map(task => ({ ...task, address })))
  .sort((one, other) => Boolean(other.error) - Boolean(one.error) || one.name.localeCompare(other.name));

export default async function page(view) {
  view.title('Instances · Staff');
  frame(view, html`${heading('Instances')}${skeleton(6)}`);
  const read = async () => {
    const { instances } = await call('GET', '/v1/instances', { query: { pageSize: 1000 }, signal: view.signal });
    const ill = instances.filter(({ healthy }) => !healthy);
    frame(view, html`
      ${heading('Instances', html`<span class="quiet">As of ${moment(new Date().toISOString())}, kept up to date</span>`)}
      <div role="status">
        ${ill.length
          ? html`<p class="notice bad">Not heard of lately: ${[...new Set(ill.map(({ role }) => role))].join(', ')}. What it does is not available; look at its process and its database.</p>`
          : html`<p class="notice good">All ${instances.length} are healthy.</p>`}
      </div>
      ${table('What runs', columns, instances)}
      <h2>Background tasks</h2>
      ${table('Background tasks', taskColumns, tasksOf(instances))}
    `);
  };
  await read();
  every(view, REFRESH_MS, read);
}
