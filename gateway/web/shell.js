// What surrounds every page: header, footer, banner, toasts.

import { here } from './base.js';
import { basketCount, lookIntoBasket, onBasket } from './basket.js';
import { go } from './router.js';
import { currentUser, isStaff, onSession, signOut } from './session.js';
import { press, toast } from './ui.js';
import { html, nothing, render } from './vendor/lit-html.js';

const logo = html`
  <svg viewBox="0 0 32 32" width="32" height="32" aria-hidden="true">
    <path class="awning" d="M5 6h22l3 9.5a4 4 0 0 1-7 2.6 4.7 4.7 0 0 1-7 0 4.7 4.7 0 0 1-7 0A4 4 0 0 1 2 15.5z" />
    <path class="stall" d="M6 21v6.5A1.5 1.5 0 0 0 7.5 29h17a1.5 1.5 0 0 0 1.5-1.5V21" />
  </svg>
`;

function search(event) {
  event.preventDefault();
  const text = new FormData(event.currentTarget).get('q').trim();
  go(text ? `/?q=${encodeURIComponent(text)}` : '/');
}

const closeMenu = () => document.querySelector('#account-menu')?.removeAttribute('open');

const leave = press(async () => {
  await signOut();
  toast('You are signed out.');
});

const account = () => {
  const user = currentUser();
  if (!user) return html`<a class="tool" href="/sign-in">Sign in</a>`;
  return html`
    <details id="account-menu" class="menu">
      <summary class="tool"><span class="who">${user.firstName || user.username}</span></summary>
      <ul @click=${closeMenu}>
        <li><a href="/orders">Your orders</a></li>
        <li><a href="/account/purchases">Bought before</a></li>
        <li><a href="/account/addresses">Addresses</a></li>
        <li><a href="/account">Account</a></li>
        <li><a href="/account/security">Signing in</a></li>
        <li><button class="link" @click=${leave}>Sign out</button></li>
      </ul>
    </details>
  `;
};

const header = (url) => {
  const count = basketCount();
  return html`
    <div class="bar">
      <a class="brand" href="/">${logo}<span>Feira</span></a>
      <form class="search" role="search" action="/" @submit=${search}>
        <label class="hidden" for="q">Search the shop</label>
        <input id="q" name="q" type="search" placeholder="Search" maxlength="200" enterkeyhint="search" .value=${
          url.pathname === '/' ? (url.searchParams.get('q') ?? '') : ''
        } />
        <button>Search</button>
      </form>
      <nav class="tools" aria-label="Your shop">
        ${isStaff() ? html`<a class="tool" href="/staff">Staff</a>` : nothing} ${account()}
        <a class="tool basket" href="/basket"
          >Basket${count ? html` <span class="count"><span class="hidden">, articles in it: </span>${count}</span>` : nothing}</a
        >
      </nav>
    </div>
  `;
};

const footer = html`
  <p><strong>Feira</strong>, an open-air market that fits in one program.</p>
  <p><a href="/docs/">API documentation</a></p>
`;

const banner = () =>
  navigator.onLine ? nothing : html`You are offline. What you see may be old; what you do waits for your connection.`;

/** Draws it, and keeps it true. */
export function startShell() {
  let url = here();
  const draw = () => {
    render(header(url), document.getElementById('header'));
    render(banner(), document.getElementById('banner'));
  };
  render(footer, document.getElementById('footer'));
  document.addEventListener('feira:page', ({ detail }) => {
    url = detail;
    closeMenu();
    draw();
  });
  document.addEventListener('keydown', ({ key }) => {
    const menu = document.querySelector('#account-menu[open]');
    if (key !== 'Escape' || !menu) return;
    closeMenu();
    menu.querySelector('summary').focus();
  });
  document.addEventListener('click', (event) => event.target.closest?.('#account-menu') || closeMenu());
  addEventListener('online', draw);
  addEventListener('offline', draw);
  onBasket(draw);
  onSession((why) => {
    draw();
    if (why === 'expired') toast('Your sign-in has ended. Sign in again to go on.', 'bad');
  });
  draw();
  lookIntoBasket();
}
