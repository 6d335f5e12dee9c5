// The staff pages' routes, loaded by staff alone: a path, its page's module, and whether the user's role sees it. See
// ../app.js.

import { mayCall } from './rights.js';

/** A role sees the pages that begin with a call that it may make. */
const by = (rpc) => () => mayCall(rpc);

export const ROUTES = [
  ['/staff', () => import('./home.js'), () => true],
  ['/staff/articles', () => import('./articles.js'), by('ListArticles')],
  ['/staff/articles/import', () => import('./import.js'), by('ImportArticles')],
  ['/staff/articles/new', () => import('./article.js'), by('CreateArticle')],
  ['/staff/articles/:id', () => import('./article.js'), by('ListArticles')],
  ['/staff/articles/:id/stock', () => import('./stock.js'), by('GetStock')],
  ['/staff/stock', () => import('./stock-list.js'), by('GetStock')],
  ['/staff/orders', () => import('./orders.js'), by('ListOrders')],
  ['/staff/orders/:id', () => import('./order.js'), by('ListOrders')],
  ['/staff/payments', () => import('./payments.js'), by('ListPayments')],
  ['/staff/payments/:id', () => import('./payment.js'), by('ListPayments')],
  ['/staff/ledger', () => import('./ledger.js'), by('ListLedgerEntries')],
  ['/staff/users', () => import('./users.js'), by('ListUsers')],
  ['/staff/users/:id', () => import('./user.js'), by('GetUser')],
  ['/staff/roles', () => import('./roles.js'), by('ListRoles')],
  ['/staff/roles/:id', () => import('./role.js'), by('ListRoles')],
  ['/staff/instances', () => import('./instances.js'), by('ListInstances')],
  ['/staff/webhooks', () => import('./webhooks.js'), by('ListWebhooks')],
  ['/staff/webhooks/:id', () => import('./webhook.js'), by('ListWebhooks')],
  ['/staff/audit', () => import('./audit.js'), by('VerifyAudit')],
  ['/staff/audit-log', () => import('./audit-log.js'), by('ListAuditEvents')],
];

// Their looks, before the first of them is drawn.
const looks = document.createElement('link');
looks.rel = 'stylesheet';
looks.href = new URL('./staff.css', import.meta.url);
await new Promise((done) => {
  looks.onload = looks.onerror = done;
  document.head.append(looks);
});
