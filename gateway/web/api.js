// The API as the pages use it: with the signed-in user's token, keys that make clicks safe to repeat, streams,
// and words for what went wrong.

import { ApiError, randomKey, send } from './http.js';
import { accessToken } from './session.js';

export { ApiError, queryOf } from './http.js';

// Keys of mutations of which nothing is known yet: the same click again is the same mutation.
const keys = new Map();

/**
 * Calls the API, and gives the JSON of the answer (undefined where it has none).
 *
 * `call('PATCH', '/v1/articles/art_…', {body, query, etag, signal})`. Throws ApiError.
 */
export async function call(method, path, options = {}) {
  const response = await callRaw(method, path, options);
  return response.status === 204 ? undefined : response.json();
}

/** As `call`, with the answer as it came. */
export async function callRaw(method, path, { body, query, etag, headers = {}, signal } = {}) {
  const options = { body, query, signal, headers: { ...headers } };
  if (etag) options.headers['if-match'] = `"${etag}"`;
  if (method === 'GET') return withToken(method, path, options);

  const sent = body instanceof Blob ? [body.name, body.lastModified, body.size] : body;
  const what = JSON.stringify([method, path, sent, query, etag]);
  if (!keys.has(what)) keys.set(what, randomKey());
  options.headers['idempotency-key'] = keys.get(what);
  for (let tries = 1; ; tries += 1) {
    try {
      const response = await withToken(method, path, options);
      keys.delete(what);
      return response;
    } catch (error) {
      if (!error.unsettled) keys.delete(what);
      // The very same is being done: its answer is waited for. Who is turned away is told how long to wait, and waits.
      if (error.reason !== 'IDEMPOTENCY_IN_PROGRESS' || tries === 5) throw error;
      await pause(Math.max(error.retryAfter, 1) * 1000, signal);
    }
  }
}

async function withToken(method, path, options) {
  const token = await accessToken();
  const signed = (token) =>
    token ? { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } } : options;
  try {
    return await send(method, path, signed(token));
  } catch (error) {
    if (error.status !== 401 || !token) throw error;
    const fresh = await accessToken(token);
    if (!fresh) throw error;
    return send(method, path, signed(fresh));
  }
}

/** All pages of a list, as long as there are some: `for await (const page of pages('/v1/orders', {}, 'orders'))`. */
export async function* pages(path, query, plural, signal) {
  let pageToken = '';
  do {
    const page = await call('GET', path, { query: { ...query, pageToken }, signal });
    yield page[plural];
    pageToken = page.nextPageToken;
  } while (pageToken);
}

/** The messages of one answer that is a stream, as they come. Throws ApiError where it ends in one. */
export async function* stream(path, { query, signal, onOpen = () => {} } = {}) {
  const headers = { accept: 'application/x-ndjson' };
  const response = await withToken('GET', path, { query, signal, headers });
  onOpen();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (;;) {
      const { value, done } = await reader.read().catch((error) => {
        throw signal?.aborted ? signal.reason : new ApiError({ message: error.message });
      });
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const line of lines.filter(Boolean)) {
        const { result, error } = JSON.parse(line);
        if (error) throw new ApiError({ ...error, status: error.code, code: error.status });
        yield result;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * Follows a stream of numbered events, and takes it up again behind the last one where it breaks off, until
 * `isLast(event)` or `signal`. `onState` is told `live` or `waiting`.
 */
export async function* follow(path, { after = 0, isLast, signal, onState = () => {} }) {
  let failures = 0;
  for (;;) {
    let wait = 0;
    try {
      const options = { query: { afterSequence: after || undefined }, signal, onOpen: () => onState('live') };
      for await (const event of stream(path, options)) {
        failures = 0;
        after = event.sequence;
        yield event;
        if (isLast(event)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError) || (!error.unsettled && error.status !== 429)) throw error;
      wait = error.retryAfter * 1000;
    }
    failures += 1;
    onState('waiting');
    const again = pause(Math.max(wait, Math.min(1000 * 2 ** failures, 15_000)), signal);
    await (wait ? again : Promise.race([again, online(signal)])).catch(() => {});
    if (signal.aborted) return;
  }
}

const pause = (ms, signal) =>
  new Promise((done, failed) => {
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', () => (clearTimeout(timer), failed(signal.reason)), { once: true });
  });

const online = (signal) => new Promise((done) => globalThis.addEventListener('online', done, { once: true, signal }));

const ADVICE = {
  OFFLINE: () => 'The shop cannot be reached. Check your connection, then try again; nothing was lost.',
  UNAUTHENTICATED: () => 'Your sign-in has ended. Sign in again to go on.',
  CODE_REQUIRED: () => 'Signing in takes a code of your authenticator.',
  TOKEN_EXPIRED: () => 'It does not count any more: it was used, is too old, or a newer mail has another one. Ask for another mail.',
  PASSWORD_TOO_COMMON: () => 'This password is among the first that anybody tries. Choose another one.',
  LAST_ADMIN: () => 'This is the last administrator. Make somebody else an administrator first.',
  PERMISSION_DENIED: () => 'Your account may not do this. Ask an administrator for the role that may.',
  NOT_FOUND: () => 'This is not here, or no longer. Go back and look again.',
  OUT_OF_STOCK: () => 'There is less in stock than you asked for. Lower the quantity or take it out.',
  PRICE_CHANGED: () => 'A price has changed meanwhile. Look at the new total, then go on if you agree.',
  ARTICLE_INACTIVE: () => 'An article is no longer for sale. Take it out, then go on.',
  CURRENCY_MISMATCH: () => 'All articles of a basket must have the same currency. Buy this one separately.',
  REFUNDED: () => 'All of its money was given back. Leave this, look at it again, and ship it only if it is to go all the same.',
  NOT_SOLD: ({ metadata }) => `The order has ${metadata.sold} of it sold; no more than that can come back.`,
  EMPTY_ORDER: () => 'There is nothing in it yet. Add an article first.',
  BASKET_EXISTS: () => 'You have another basket. Check it out or empty it first.',
  ILLEGAL_STATE: () => 'That is no longer possible: the state has changed meanwhile. This is how it stands now.',
  ETAG_MISMATCH: () => 'Somebody changed this meanwhile. It has been loaded again: look, then save once more.',
  ALREADY_EXISTS: ({ metadata }) => `This ${metadata.field ?? 'name'} is taken. Choose another one.`,
  AUTOMATIC_ADJUSTMENT: () => 'The shop sets this one by itself; it cannot be taken out. Give a discount instead.',
  LIMIT_EXCEEDED: ({ message }) => `There are too many: ${message}. Take one out first.`,
  PROVIDER_REFUSED: ({ metadata }) => `The provider ${metadata.provider} refused it; nothing was changed. Ask there why, then try again.`,
  PROVIDER_CANNOT: ({ metadata }) => `The provider ${metadata.provider} cannot do this. Do it there by hand.`,
  IDEMPOTENCY_IN_PROGRESS: () => 'This is still being done. Wait a moment, then look again.',
  RATE_LIMITED: ({ retryAfter }) => `Too many tries. Wait ${waiting(retryAfter)}, then try again.`,
  OVERLOADED: ({ retryAfter }) => `There is more to do right now than the shop can do at once; nothing was begun. Wait ${waiting(retryAfter, 'a moment')}, then try again.`,
  UPSTREAM_UNAVAILABLE: ({ retryAfter }) => `This part of the shop is not available right now; nothing was changed. Wait ${waiting(retryAfter, 'a moment')}, then try again.`,
  DEADLINE_EXCEEDED: () => 'That took too long. Look whether it was done before you try again.',
  REQUEST_TOO_LARGE: () => 'This is too large to be sent. Choose something smaller.',
  VALIDATION: ({ violations, message }) =>
    violations.length ? 'Something is not right yet. Look at the marked fields.' : `${message}.`,
};

function waiting(seconds, otherwise = 'a minute') {
  if (!seconds) return otherwise;
  if (seconds < 90) return seconds === 1 ? 'a second' : `${seconds} seconds`;
  return seconds < 5400 ? `${Math.ceil(seconds / 60)} minutes` : `${Math.ceil(seconds / 3600)} hours`;
}

/** What a status says by itself, where nobody of ours answered. */
const BY_STATUS = { 429: 'RATE_LIMITED', 503: 'OVERLOADED' };

/** What a person should do about an error, in a sentence or two. */
export function advice(error) {
  const known = ADVICE[error.reason] ?? ADVICE[error.code] ?? ADVICE[BY_STATUS[error.status]];
  if (known) return known(error);
  if (error.status >= 400 && error.status < 500) return `${error.message}.`;
  return 'Something went wrong on our side. Try again; if it stays so, tell us the number below.';
}
