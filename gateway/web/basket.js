// How much is in the basket: what the header shows. Pages that change the basket tell it here.

import { call } from './api.js';
import { currentUser, onSession } from './session.js';

let count = 0;
const listeners = new Set();

/** Units in the basket. */
export const basketCount = () => count;

/** Calls back when it changes. */
export const onBasket = (listener) => listeners.add(listener);

/** The basket is now this order; none is an empty one. */
export function basketIs(order) {
  const open = ['ORDER_STATE_OPEN', 'ORDER_STATE_CHECKING_OUT'].includes(order?.state);
  const now = open ? order.lines.reduce((sum, line) => sum + line.quantity, 0) : 0;
  if (now === count) return;
  count = now;
  for (const listener of listeners) listener();
}

/** Reads the caller's basket; undefined where there is none. A list is asked, as no basket is no error there. */
export async function readBasket(signal) {
  if (!currentUser()) return undefined;
  const query = { state: ['ORDER_STATE_OPEN', 'ORDER_STATE_CHECKING_OUT'], userId: 'me', pageSize: 1 };
  const { orders } = await call('GET', '/v1/orders', { query, signal });
  basketIs(orders[0]);
  return orders[0];
}

/** Looks once; where it cannot, the header just shows no number. */
export const lookIntoBasket = () => readBasket().catch(() => {});

onSession((why) => {
  if (why === 'in') lookIntoBasket();
  else if (why !== 'changed') basketIs();
});
