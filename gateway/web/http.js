// One request to the API, and what became of it. Knows nothing of who is signed in: that is api.js.

import { outer } from './base.js';

/** Why a call failed: what the API said, or that it could not be reached. */
export class ApiError extends Error {
  constructor({ status = 0, code = 'OFFLINE', message, details = [], requestId = '', retryAfter = 0 }) {
    super(message);
    const find = (type) => details.find((detail) => detail['@type'] === `type.googleapis.com/google.rpc.${type}`);
    const info = find('ErrorInfo');
    /** The HTTP status; 0 where there was no answer. */
    this.status = status;
    /** The code's name (`NOT_FOUND`); `OFFLINE` where there was no answer. */
    this.code = code;
    /** Why, as the contract names it (`OUT_OF_STOCK`). */
    this.reason = info?.reason ?? code;
    this.metadata = info?.metadata ?? {};
    /** All of several reasons, such as every article that is short. */
    this.infos = details.filter((detail) => detail['@type']?.endsWith('google.rpc.ErrorInfo'));
    /** Bad fields: `[{field, description}]`, each named by its proto path. */
    this.violations = find('BadRequest')?.fieldViolations ?? [];
    /** Seconds after which to try again; 0 where it was not said. */
    this.retryAfter = retryAfter;
    this.requestId = requestId;
  }

  /** Nothing is known of what the call did: it may be sent again with the same key. */
  get unsettled() {
    return this.status === 0 || this.status >= 500 || this.reason === 'IDEMPOTENCY_IN_PROGRESS';
  }
}

/** How long `Retry-After` says to wait: in seconds, or until a time, which proxies may say. */
function secondsOf(text) {
  if (!text) return 0;
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - Date.now()) / 1000);
  return Math.max(seconds, 0) || 0;
}

/** The query string of what is set in an object; lists are repeated. */
export function queryOf(values = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== null && one !== '') query.append(name, one);
    }
  }
  const text = query.toString();
  return text && `?${text}`;
}

/**
 * Sends a request, and gives its good answer as it came. Throws ApiError for all others, and the reason of
 * `signal` where that ended it.
 */
export async function send(method, path, { query, body, headers = {}, signal, keepalive } = {}) {
  const options = { method, headers: { accept: 'application/json', ...headers }, signal, keepalive };
  if (body instanceof Blob) {
    options.body = body;
  } else if (body !== undefined) {
    options.headers['content-type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(outer(path) + queryOf(query), options);
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new ApiError({ message: error.message });
  }
  if (response.ok) return response;
  const retryAfter = secondsOf(response.headers.get('retry-after'));
  const requestId = response.headers.get('x-request-id') ?? '';
  const { error } = await response.json().catch(() => ({}));
  throw new ApiError({
    status: response.status,
    code: error?.status ?? 'UNKNOWN',
    message: error?.message ?? response.statusText,
    details: error?.details,
    retryAfter,
    requestId,
  });
}

/** A new random name, also where `crypto.randomUUID` is kept from pages without TLS. */
export const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
