// The page's beginning: which module a path is, and what is started.

import { keepLinks } from './base.js';
import { start } from './router.js';
import { startShell } from './shell.js';

/**
 * The routes: a path, its page's module, and whether only users see it.
 * A module's default export is `page(view)`; see View in router.js. Modules are loaded when they are gone to.
 */
const ROUTES = [
  ['/', () => import('./shop/browse.js')],
  ['/articles', () => import('./shop/browse.js')],
  ['/articles/:id', () => import('./shop/article.js')],
  ['/basket', () => import('./shop/basket.js'), 'user'],
  ['/checkout', () => import('./shop/checkout.js'), 'user'],
  ['/orders', () => import('./shop/orders.js'), 'user'],
  ['/orders/:id', () => import('./shop/order.js'), 'user'],
  ['/orders/:id/pay', () => import('./shop/checkout.js'), 'user'],
  ['/account', () => import('./shop/account.js'), 'user'],
  ['/account/security', () => import('./shop/security.js'), 'user'],
  ['/account/keys', () => import('./shop/keys.js'), 'user'],
  ['/account/addresses', () => import('./shop/addresses.js'), 'user'],
  ['/account/purchases', () => import('./shop/purchases.js'), 'user'],
  ['/sign-in', () => import('./shop/sign-in.js')],
  ['/register', () => import('./shop/register.js')],
  ['/confirm-email', () => import('./shop/confirm-email.js')],
  ['/forgot-password', () => import('./shop/forgot-password.js')],
  ['/reset-password', () => import('./shop/reset-password.js')],
];

/** The routes of the shop; of what is behind `/staff` those that staff alone loads. */
const routes = async (staff) => (staff ? (await import('./staff/index.js')).ROUTES : ROUTES);

keepLinks(document.body);
startShell();
start(document.getElementById('main'), routes);
