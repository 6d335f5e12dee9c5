// Which page a path is, and how one gets from one to another.

import { ApiError } from './api.js';
import { here, inner, isBelow, outer } from './base.js';
import { accessToken, currentUser, may, onSession } from './session.js';
import { render } from './vendor/lit-html.js';
import { failure, nothingHere } from './states.js';

function match(routes, path) {
  const given = path.replace(/\/+$/, '').split('/');
  for (const [pattern, load, who] of routes) {
    const wanted = pattern.replace(/\/+$/, '').split('/');
    if (wanted.length !== given.length) continue;
    const params = {};
    const fits = wanted.every((segment, index) => {
      if (!segment.startsWith(':')) return segment === given[index];
      params[segment.slice(1)] = decodeURIComponent(given[index]);
      return given[index] !== '';
    });
    if (fits) return { load, who, params };
  }
  return undefined;
}

/** What a page draws on, from when it is gone to until it is left. */
class View {
  #left = new AbortController();
  #main;
  #root = document.createElement('div');
  #shown;

  constructor(main, url, params, shown) {
    this.#main = main;
    this.#shown = shown;
    /** Whether only signed-in users see it. */
    this.forUsers = false;
    /** The page's address, and the variables of its path. */
    this.url = url;
    this.query = url.searchParams;
    this.params = params;
  }

  /** Ends when the page is left: for `fetch`, listeners, streams. */
  get signal() {
    return this.#left.signal;
  }

  /** Draws the page, for the first time or again. Nothing once it is left. */
  show = (template) => {
    if (this.signal.aborted) return;
    const focused = document.activeElement;
    render(template, this.#root);
    // The heading that the focus was put on may be another one now.
    if (focused.tagName === 'H1' && !focused.isConnected) focusHeading(this.#root);
    if (!this.#root.isConnected) {
      this.#main.replaceChildren(this.#root);
      this.#shown?.();
    }
  };

  /** Names the page in the browser's title. */
  title(text) {
    if (!this.signal.aborted) document.title = text ? `${text} · Feira` : 'Feira';
  }

  /** Runs work of the page: a failure of it becomes what the page shows. */
  run = async (work) => {
    try {
      await work();
    } catch (error) {
      this.fail(error);
    }
  };

  /** Shows why the page cannot be shown, and how to go on: by `again`, which coming online does as well. */
  fail(error, again = reload) {
    if (this.signal.aborted) return;
    if (error instanceof ApiError && error.code === 'UNAUTHENTICATED') return signInFirst();
    if (error instanceof ApiError && error.status === 404) {
      this.title('Not here');
      return this.show(nothingHere());
    }
    if (!(error instanceof ApiError)) console.error(error);
    if (error.code === 'OFFLINE') addEventListener('online', again, { signal: this.signal, once: true });
    this.show(failure(error, again));
  }

  leave() {
    this.#left.abort();
  }
}

let main;
/** Gives the routes of what is below a path; see app.js. */
let routesOf;
let current;
let moves = 0;

/** Goes to an address of the page. */
export function go(to, { replace = false } = {}) {
  rememberScroll();
  history[replace ? 'replaceState' : 'pushState']({}, '', outer(to));
  return open({ move: true });
}

/** Loads what is shown anew. */
export const reload = () => open({});

/** Changes the address without going anywhere. */
export const renameTo = (to) => history.replaceState(history.state, '', outer(to));

/** To the sign-in page, which comes back here. */
export function signInFirst() {
  const { pathname, search } = here();
  if (pathname === '/sign-in') return undefined;
  return go(`/sign-in?next=${encodeURIComponent(pathname + search)}`, { replace: true });
}

/** Where to go after signing in: an address of this page, whatever the query says. */
export function nextOf(query, otherwise = '/') {
  const next = query.get('next') ?? '';
  const url = new URL(next || otherwise, location.origin);
  const inside = url.origin === location.origin && !url.pathname.startsWith('/sign-in');
  return inside ? url.pathname + url.search : otherwise;
}

// Readers of the screen go on at what the page is about.
function focusHeading(element) {
  const heading = element.querySelector('h1') ?? main;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

const rememberScroll = () => history.replaceState({ ...history.state, scroll: scrollY }, '');

async function open({ move = false, scroll = 0 }) {
  const url = here();
  current?.leave();
  const mine = (moves += 1);
  let shown = false;
  const arrive = () => {
    if (shown) return;
    shown = true;
    document.documentElement.removeAttribute('data-loading');
    if (!move) return;
    scrollTo({ top: scroll, behavior: 'instant' });
    focusHeading(main);
  };
  const view = (current = new View(main, url, {}, arrive));
  document.documentElement.setAttribute('data-loading', '');
  try {
    const staff = url.pathname === '/staff' || url.pathname.startsWith('/staff/');
    if (staff && !currentUser()) return signInFirst();
    // What is known without a token may be of before.
    if (staff && !may()) await accessToken();
    if (staff && !currentUser()) return signInFirst();
    if (staff && !may()) return await refuse(view);
    const found = match(await routesOf(staff), url.pathname);
    if (!found) {
      view.title('Not here');
      return view.show(nothingHere());
    }
    if (staff && !found.who()) return await refuse(view);
    view.forUsers = found.who === 'user' || staff;
    if (view.forUsers && !currentUser()) return signInFirst();
    view.params = found.params;
    const { default: page } = await found.load();
    if (mine === moves) {
      document.dispatchEvent(new CustomEvent('feira:page', { detail: url }));
      await page(view);
    }
  } catch (error) {
    if (view.signal.aborted) return;
    if (!(error instanceof TypeError && /import/i.test(error.message))) return view.fail(error);
    // A module that cannot be loaded is one of an older version, or the shop cannot be reached. Some browsers
    // remember that it could not: so the whole page is loaded anew, at once and later by hand.
    const anew = () => location.reload();
    if (!navigator.onLine || history.state?.anew) return view.fail(new ApiError({ message: error.message }), anew);
    history.replaceState({ ...history.state, anew: true }, '');
    anew();
  }
}

async function refuse(view) {
  const { notAllowed } = await import('./refusal.js');
  view.title('Not allowed');
  view.show(notAllowed());
}

const isOurs = ({ origin, pathname, href }) =>
  origin === location.origin &&
  isBelow(pathname) &&
  !/^\/(v1|docs|openapi|web|\.well-known)(\/|\.|$)/.test(inner(href).pathname);

/**
 * Begins: shows the page of the address in `element`, and follows links and the browser's buttons. The pages are
 * handed in: they import this module, to go from one to another, and so it must not import them.
 */
export function start(element, routes) {
  main = element;
  routesOf = routes;
  history.scrollRestoration = 'manual';
  addEventListener('popstate', ({ state }) => open({ move: true, scroll: state?.scroll ?? 0 }));
  addEventListener('pagehide', rememberScroll);
  document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href]');
    if (!link || event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute('download')) return;
    const url = new URL(link.href);
    if (!isOurs(url) || (url.hash && url.pathname === location.pathname)) return;
    event.preventDefault();
    go(inner(url).pathname + url.search + url.hash, { replace: url.href === location.href });
  });
  onSession((why) => {
    if (why === 'out' && current.forUsers) go('/', { replace: true });
    else if (why === 'expired' && current.forUsers) signInFirst();
    // What staff see depends on what they may do.
    else if (why !== 'changed' || here().pathname.startsWith('/staff')) reload();
  });
  const scroll = history.state?.scroll ?? 0;
  return open({ move: scroll > 0, scroll });
}
