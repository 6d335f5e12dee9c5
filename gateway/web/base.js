// Where the page is: behind a proxy, its addresses may begin with a prefix. Within the page they are without it.

/** What all addresses of the shop begin with: `/api`, or nothing. These files are in its `/web/{version}/`. */
export const PREFIX = new URL('../..', import.meta.url).pathname.replace(/\/$/, '');

/** Whether a path is the shop's. */
export const isBelow = (path) => path === PREFIX || path.startsWith(`${PREFIX}/`);

/** An address of the page or the API as the browser reaches it. */
export const outer = (to) => (/^\/(?!\/)/.test(to) && !isBelow(to.split(/[?#]/)[0]) ? PREFIX + to : to);

/** A URL as the page knows it. */
export function inner(url) {
  const inside = new URL(url);
  if (PREFIX && isBelow(inside.pathname)) inside.pathname = inside.pathname.slice(PREFIX.length) || '/';
  return inside;
}

/** Where the browser is, as the page knows it. */
export const here = () => inner(location.href);

const LINKS = 'a[href^="/"], form[action^="/"]';

/** Has links and forms lead to where the browser reaches them, also those that are drawn later. */
export function keepLinks(root) {
  if (!PREFIX) return;
  const keep = (element) => {
    for (const name of ['href', 'action']) {
      const to = element.getAttribute(name);
      if (to && outer(to) !== to) element.setAttribute(name, outer(to));
    }
  };
  const keepAll = (element) => {
    if (element.matches(LINKS)) keep(element);
    element.querySelectorAll(LINKS).forEach(keep);
  };
  // Templates write an attribute only when it changes, so what is set here stays until then.
  const watch = new MutationObserver((records) => {
    for (const { type, target, addedNodes } of records) {
      if (type === 'attributes') keep(target);
      else for (const node of addedNodes) if (node instanceof Element) keepAll(node);
    }
  });
  watch.observe(root, { subtree: true, childList: true, attributes: true, attributeFilter: ['href', 'action'] });
  keepAll(root);
}
