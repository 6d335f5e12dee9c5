// What the shopper has bought, the last bought first.

import { call } from '../api.js';
import { empty, skeleton } from '../states.js';
import { day, press } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { accountNav } from './account-nav.js';

export default async function page(view) {
  view.title('Bought before');
  view.show(html`<h1>Bought before</h1>${skeleton(4)}`);
  const read = (pageToken) => call('GET', '/v1/users/me/purchases', { query: { pageSize: 50, pageToken }, signal: view.signal });
  const list = await read('');
  const more = press(async () => {
    const next = await read(list.nextPageToken);
    list.purchases.push(...next.purchases);
    list.nextPageToken = next.nextPageToken;
    draw();
  });
  const draw = () =>
    view.show(html`
      <h1 tabindex="-1">Bought before</h1>
      ${accountNav(view)}
      ${list.purchases.length
        ? html`
            <table class="cards">
              <thead>
                <tr><th scope="col">Article</th><th scope="col" class="number">Units</th><th scope="col">Last time</th></tr>
              </thead>
              <tbody>
                ${list.purchases.map(
                  ({ articleId, name, quantity, lastTime }) => html`
                    <tr>
                      <td data-label="Article"><a href="/articles/${articleId}">${name}</a></td>
                      <td data-label="Units" class="number">${quantity}</td>
                      <td data-label="Last time">${day(lastTime)}</td>
                    </tr>
                  `,
                )}
              </tbody>
            </table>
          `
        : empty('Nothing yet', 'What you buy is listed here once it is paid.', html`<a class="button" href="/">Look around</a>`)}
      ${list.nextPageToken ? html`<p class="more"><button class="plain" @click=${more}>Show more</button></p>` : nothing}
    `);
  draw();
}
