// Who is signed in. The access token lives in this module's memory alone; the refresh token in a cookie that
// no script can read (`x-feira-cookies`). What `localStorage` has is only what the header shows at once.

import { ApiError, send } from './http.js';

const COOKIES = { 'x-feira-cookies': '1' };
const HINT = 'feira.session';
const REFRESHING = 'feira.refreshing';
/** A refresh that a page left behind is over by then. */
const LEFT_BEHIND_MS = 1500;

let token = '';
let expires = 0;
let user = readHint();
let refreshing;

const events = new EventTarget();
const channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel(HINT) : undefined;

function readHint() {
  try {
    return JSON.parse(localStorage.getItem(HINT)) ?? undefined;
  } catch {
    return undefined;
  }
}

function remember(name, value) {
  try {
    if (value === undefined) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // Without storage, a reload shows her as signed out.
  }
}

/** The signed-in user: `{id, username, firstName, roles, roleIds, permissions, passwordChangeRequired}`; undefined for a guest. */
export const currentUser = () => user;

/** Whether the signed-in user has a role, such as `ROLE_STAFF`. */
export const hasRole = (role) => Boolean(user?.roles.includes(role));

/** Whether a role makes the signed-in user staff, whatever of that the user may do now. */
export const isStaff = () => hasRole('ROLE_STAFF') || hasRole('ROLE_ADMIN') || Boolean(user?.roleIds?.length);

/** Whether the signed-in user may do as staff what one of these permissions is for; any at all, without one. */
export function may(...permissions) {
  const own = user?.permissions ?? [];
  return permissions.length ? permissions.some((one) => own.includes(one)) : own.length > 0;
}

/**
 * Calls back when another user, or nobody, is signed in: with why, `in`, `out` or `expired`; with `changed` when the same
 * user is called otherwise, or may do other things.
 */
export const onSession = (listener) => events.addEventListener('change', ({ detail }) => listener(detail));

function adopt(tokens, why) {
  const before = user;
  token = tokens.token;
  expires = tokens.expires;
  user = tokens.user;
  const shown = JSON.stringify(user);
  remember(HINT, shown);
  const other = user.id !== before?.id || why === 'in';
  if (other || shown !== JSON.stringify(before)) {
    events.dispatchEvent(new CustomEvent('change', { detail: other ? 'in' : 'changed' }));
  }
}

function end(why) {
  if (!user && !token) return;
  token = '';
  user = undefined;
  remember(HINT);
  events.dispatchEvent(new CustomEvent('change', { detail: why }));
}

channel?.addEventListener('message', ({ data }) => {
  if (data.tokens) adopt(data.tokens, data.why);
  else end(data.why);
});

function share(tokens, why) {
  adopt(tokens, why);
  channel?.postMessage({ tokens, why });
}

async function take(response, why) {
  const { permissions, ...answer } = await response.json();
  const { id, username, firstName, roles, roleIds, passwordChangeRequired } = answer.user;
  const tokens = {
    token: answer.accessToken,
    // Renewed a while before its end, which clocks may see differently.
    expires: Date.now() + (answer.expiresIn - 30) * 1000,
    user: { id, username, firstName, roles, roleIds, permissions, passwordChangeRequired },
  };
  share(tokens, why);
}

/** Signs in. Throws ApiError. */
export async function signIn(login, password, code) {
  const body = code ? { login, password, code } : { login, password };
  await take(await send('POST', '/v1/auth:signIn', { body, headers: COOKIES }), 'in');
}

/** Signs in by a passkey; `body` is what the API takes of it. Throws ApiError. */
export async function signInByPasskey(body) {
  await take(await send('POST', '/v1/auth:signInWithPasskey', { body, headers: COOKIES }), 'in');
}

/**
 * Signs the same user in anew, in place of the session that there is: for what takes a sign-in of the last minutes. Throws
 * ApiError.
 */
export async function signInAgain(login, password, code) {
  const before = { authorization: `Bearer ${await accessToken()}` };
  const body = code ? { login, password, code } : { login, password };
  // Not while another tab uses the cookie, which is another one then.
  await inTurn(async () => take(await send('POST', '/v1/auth:signIn', { body, headers: { ...COOKIES, ...before } }), 'again'));
  // Without the header for cookies, so that the new one stays. Where it fails, the old session is one more in the list.
  send('POST', '/v1/auth:signOut', { body: {}, headers: before, keepalive: true }).catch(() => {});
}

/** Gets a new access token, which says what its user may do by now. */
export const renew = () => accessToken(token);

/** The signed-in user is called so by now. */
export function rename({ username, firstName }) {
  if (user) share({ token, expires, user: { ...user, username, firstName } }, 'renamed');
}

/** Signs out here and in all other tabs. Throws ApiError where the server could not be told: she still is signed in. */
export async function signOut() {
  try {
    const headers = { ...COOKIES, authorization: `Bearer ${await accessToken()}` };
    await send('POST', '/v1/auth:signOut', { body: {}, headers });
  } catch (error) {
    if (error.status !== 401) throw error;
  }
  channel?.postMessage({ why: 'out' });
  end('out');
}

/** Forgets who was signed in, because the account is gone. */
export function forget() {
  channel?.postMessage({ why: 'out' });
  end('out');
}

/** A token that should work; empty for a guest. `stale` is one that did not. */
export async function accessToken(stale) {
  if (!user) return '';
  if (token && token !== stale && Date.now() < expires) return token;
  refreshing ??= refresh(stale ?? token).finally(() => (refreshing = undefined));
  await refreshing;
  return token;
}

// A refresh token works once, so only one tab at a time may use the cookie; one that waited finds the new one.
const inTurn = (work) => (navigator.locks ? navigator.locks.request(REFRESHING, work) : work());

async function refresh(stale) {
  const once = async () => {
    if (token && token !== stale && Date.now() < expires) return;
    await afterOneLeftBehind();
    remember(REFRESHING, Date.now());
    try {
      // Goes on when the page is left meanwhile: a new refresh token that nobody keeps would end the session.
      const options = { body: {}, headers: COOKIES, keepalive: true };
      await take(await send('POST', '/v1/auth:refresh', options), 'refreshed');
      remember(REFRESHING);
    } catch (error) {
      // A page that is left sees its request fail, yet it goes on: the mark stays, so that the next page waits.
      if (!(error instanceof ApiError) || error.status === 0) throw error;
      remember(REFRESHING);
      if (!['UNAUTHENTICATED', 'INVALID_ARGUMENT'].includes(error.code)) throw error;
      channel?.postMessage({ why: 'expired' });
      end('expired');
    }
  };
  await inTurn(once);
}

// A page that was left while it refreshed has lost its lock, but its request goes on.
async function afterOneLeftBehind() {
  let since = 0;
  try {
    since = Number(localStorage.getItem(REFRESHING));
  } catch {
    return;
  }
  const left = since + LEFT_BEHIND_MS - Date.now();
  if (since && left > 0 && left <= LEFT_BEHIND_MS) await new Promise((done) => setTimeout(done, left));
}
