// The staff pages' routes, loaded by staff alone: a path, its page's module. See ../router.js.

export const ROUTES = [['/staff', () => import('./home.js')]];
