// Roles: what each of them lets its users do.

import { permissionName } from '../permissions.js';
import { html, nothing } from '../vendor/lit-html.js';
import { listPage } from './list.js';
import { mayCall } from './rights.js';

const BUILT_IN = { CUSTOMER: 'Customer', STAFF: 'Staff', ADMIN: 'Administrator' };

/** A role's name; those that are always there have one in words. */
export const roleName = ({ name, builtIn }) => (builtIn ? (BUILT_IN[name] ?? name) : name);

const columns = [
  {
    label: 'Role',
    cell: (role) =>
      role.builtIn
        ? html`<strong>${roleName(role)}</strong><span class="quiet note">always there</span>`
        : html`<a class="whole" href="/staff/roles/${role.id}">${role.name}</a>`,
  },
  {
    label: 'What it is for',
    cell: ({ permissions }) =>
      permissions.length ? html`<span class="badges">${permissions.map((name) => html`<span class="badge">${permissionName(name)}</span>`)}</span>` : html`<span class="quiet">nothing of staff’s</span>`,
  },
];

export default (view) =>
  listPage(view, {
    title: 'Roles',
    path: '/v1/roles',
    plural: 'roles',
    filters: [],
    columns,
    query: () => ({}),
    none: () => ({ title: 'No roles', text: 'There should be some; load the page again.' }),
    tools: () => (mayCall('CreateRole') ? html`<a class="button" href="/staff/roles/new">New role</a>` : nothing),
  });
