// Everybody who has an account.

import { day, field } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';
import { listPage } from './list.js';
import { ROLE_OPTIONS, roleBadges } from './words.js';

const LOCKED = [['', 'All'], ['no', 'Can sign in'], ['yes', 'Locked out']];

/** A user's whole name, as far as it is known. */
export const fullName = ({ firstName, lastName }) => [firstName, lastName].filter(Boolean).join(' ');

const columns = [
  {
    label: 'User',
    cell: (user) => html`<a class="whole" href="/staff/users/${user.id}">${user.username}</a><span class="quiet note">${fullName(user)}</span>`,
  },
  { label: 'E-mail', cell: ({ email }) => email },
  {
    label: 'Roles',
    cell: (user) => html`<span class="badges">${roleBadges(user)}${user.disabled ? html`<span class="badge bad">Locked out</span>` : nothing}</span>`,
  },
  { label: 'Since', cell: ({ createTime }) => day(createTime) },
];

export default (view) =>
  listPage(view, {
    title: 'Users',
    path: '/v1/users',
    plural: 'users',
    filters: ['q', 'role', 'locked'],
    form: ({ q, role, locked }) => html`
      ${field({ name: 'q', label: 'Search', type: 'search', value: q, maxlength: 200 })}
      ${field({ name: 'role', label: 'Role', value: role, options: [['', 'Any'], ...ROLE_OPTIONS] })}
      ${field({ name: 'locked', label: 'Access', value: locked, options: LOCKED })}
    `,
    columns,
    query: ({ q, role, locked }) => ({ query: q, role, disabled: { yes: true, no: false }[locked] }),
    none: () => ({ title: 'Nobody fits', text: 'Search by words of a name, a username or an e-mail, or take a filter away.' }),
  });
