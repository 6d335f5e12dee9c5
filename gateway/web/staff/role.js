// One role that administrators made: its name, and what it lets its users do.

import { call } from '../api.js';
import { ask } from '../ask.js';
import { withPassword } from '../password-prompt.js';
import { PERMISSIONS } from '../permissions.js';
import { go } from '../router.js';
import { skeleton } from '../states.js';
import { field, press, submit, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { anew, frame, heading } from './common.js';

const above = html`<a href="/staff/roles">Roles</a>`;

const fields = (role) => html`
  ${field({ name: 'name', label: 'Name', value: role?.name, required: true, maxlength: 100, autocomplete: 'off' })}
  <fieldset>
    <legend><h2>What its users may do</h2></legend>
    ${PERMISSIONS.map(
      ([name, label, about]) => html`
        <div class="check">
          <input type="checkbox" id="f-${name}" name="may.${name}" ?checked=${role?.permissions.includes(name)} />
          <label for="f-${name}">${label}<span class="quiet note">${about}</span></label>
        </div>
      `,
    )}
  </fieldset>
`;

const bodyOf = ({ name, ...chosen }) => ({
  name,
  permissions: PERMISSIONS.map(([one]) => one).filter((one) => chosen[`may.${one}`]),
});

export default (view) => (view.params.id === 'new' ? create(view) : edit(view));

function create(view) {
  view.title('New role · Staff');
  const make = submit(async (values) => {
    const role = await withPassword(() => call('POST', '/v1/roles', { body: bodyOf(values) }), view.signal);
    await go('/staff/roles', { replace: true });
    toast(`${role.name} is made. Give it to people at their accounts.`);
  });
  frame(view, html`
    ${heading('New role', nothing, above)}
    <form class="panel medium-left" @submit=${make}>${fields()}<div class="actions"><button>Make the role</button></div></form>
  `);
}

async function edit(view) {
  const path = `/v1/roles/${view.params.id}`;
  view.title('Role · Staff');
  frame(view, html`${heading('Role', nothing, above)}${skeleton(6)}`);
  let role;
  const read = async () => {
    role = await call('GET', path, { signal: view.signal });
    draw();
  };
  const save = submit(
    async (values) => {
      const body = { ...bodyOf(values), etag: role.etag };
      role = await withPassword(() => call('PATCH', path, { body, query: { updateMask: 'name,permissions' } }), view.signal);
      draw();
      toast('The role is saved. Its users have it within seconds.');
    },
    async (error) => {
      if (error.reason === 'ETAG_MISMATCH') await read();
      return false;
    },
  );
  const remove = press(async () => {
    const done = await ask({
      title: `Delete ${role.name}?`,
      text: 'It is taken from everybody who has it, within seconds.',
      action: 'Delete the role',
      danger: true,
      signal: view.signal,
      work: () => withPassword(() => call('DELETE', path, { query: { etag: role.etag } }), view.signal),
    });
    if (!done) return;
    await go('/staff/roles', { replace: true });
    toast(`${role.name} is deleted.`);
  }, anew(read));
  const draw = () => {
    view.title(`${role.name} · Staff`);
    frame(view, html`
      ${heading(role.name, role.builtIn ? nothing : html`<button class="plain" @click=${remove}>Delete…</button>`, above)}
      ${role.builtIn
        ? html`<p class="lead">This role is always there, and stays as it is.</p>`
        : html`<form class="panel medium-left" @submit=${save}>${fields(role)}<div class="actions"><button>Save</button></div></form>`}
    `);
  };
  await read();
}
