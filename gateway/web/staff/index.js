// The staff pages' routes, loaded by staff alone: a path, its page's module. See ../app.js.

export const ROUTES = [
  ['/staff', () => import('./home.js')],
  ['/staff/articles', () => import('./articles.js')],
  ['/staff/articles/import', () => import('./import.js')],
  ['/staff/articles/:id', () => import('./article.js')],
  ['/staff/articles/:id/stock', () => import('./stock.js')],
  ['/staff/stock', () => import('./stock-list.js')],
  ['/staff/orders', () => import('./orders.js')],
  ['/staff/orders/:id', () => import('./order.js')],
  ['/staff/payments', () => import('./payments.js')],
  ['/staff/payments/:id', () => import('./payment.js')],
  ['/staff/ledger', () => import('./ledger.js')],
  ['/staff/users', () => import('./users.js')],
  ['/staff/users/:id', () => import('./user.js')],
  ['/staff/instances', () => import('./instances.js')],
  ['/staff/audit', () => import('./audit.js')],
  ['/staff/audit-log', () => import('./audit-log.js')],
];

// Their looks, before the first of them is drawn.
const looks = document.createElement('link');
looks.rel = 'stylesheet';
looks.href = new URL('./staff.css', import.meta.url);
await new Promise((done) => {
  looks.onload = looks.onerror = done;
  document.head.append(looks);
});
