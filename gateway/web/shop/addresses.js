// The address book.

import { call } from '../api.js';
import { empty, skeleton } from '../states.js';
import { confirm, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { accountNav } from './account-nav.js';
import { addressFields, addressOf } from './address-form.js';
import { postal } from './parts.js';

export default async function page(view) {
  view.title('Addresses');
  view.show(html`<div class="medium"><h1>Addresses</h1>${skeleton(2, 'card')}</div>`);
  let addresses = [];
  // Which one is being edited: its id, `new`, or none.
  let open = '';
  const read = async () => {
    ({ addresses } = await call('GET', '/v1/users/me/addresses', { query: { pageSize: 50 }, signal: view.signal }));
    draw();
  };
  const show = (id, focus) => {
    open = id;
    draw();
    document.querySelector(focus)?.focus();
  };
  const save = (address) =>
    submit(
      async (values) => {
        const body = addressOf(values);
        if (address) await call('PATCH', `/v1/users/me/addresses/${address.id}`, { body: { ...body, etag: address.etag } });
        else await call('POST', '/v1/users/me/addresses', { body });
        await read();
        show('', 'main h1');
        toast('The address is kept.');
      },
      async (error) => {
        if (error.reason === 'ETAG_MISMATCH') await read();
        return false;
      },
    );
  const remove = (address) =>
    press(async () => {
      const text = `${address.recipient}, ${address.city}. Orders that go there keep it.`;
      if (!(await confirm({ title: 'Remove this address?', text, action: 'Remove' }))) return;
      await call('DELETE', `/v1/users/me/addresses/${address.id}`);
      await read();
      document.querySelector('main h1').focus();
      toast('The address is removed.');
    });
  const draw = () =>
    view.show(html`
      <div class="medium">
        <h1 tabindex="-1">Addresses</h1>
        ${accountNav(view)}
        ${addresses.length || open ? nothing : empty('None yet', 'Keep one here, and checking out is a matter of seconds.')}
        <ul class="cards">
          ${addresses.map(
            (address) => html`
              <li class="panel">
                ${open === address.id
                  ? form(address, save(address), () => show('', 'main h1'))
                  : html`
                      ${postal(address)}
                      <div class="actions">
                        <button class="plain" aria-label="Edit the address of ${address.recipient}" @click=${() => show(address.id, '#f-recipient')}>Edit</button>
                        <button class="link" aria-label="Remove the address of ${address.recipient}" @click=${remove(address)}>Remove</button>
                      </div>
                    `}
              </li>
            `,
          )}
        </ul>
        ${open === 'new'
          ? html`<div class="panel">${form(undefined, save(), () => show('', 'main h1'))}</div>`
          : html`<button @click=${() => show('new', '#f-recipient')}>Add an address</button>`}
      </div>
    `);
  await read();
}

const form = (address, save, cancel) => html`
  <form @submit=${save}>
    ${addressFields(address)}
    <div class="actions">
      <button>Keep</button>
      <button type="button" class="plain" @click=${cancel}>Cancel</button>
    </div>
  </form>
`;
