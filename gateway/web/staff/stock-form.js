// Receiving, taking back, writing off and correcting stock.

import { call } from '../api.js';
import { field } from '../ui.js';
import { html } from '../vendor/lit-html.js';
import { invalid } from './common.js';
import { stockReason } from './words.js';

const REASONS = ['STOCK_REASON_RECEIVED', 'STOCK_REASON_RETURNED', 'STOCK_REASON_WRITTEN_OFF', 'STOCK_REASON_CORRECTION'];

/** Its inputs. Ids begin with `id`. */
export const adjustFields = (id = 'f') => html`
  ${field({ id: `${id}-reason`, name: 'reason', label: 'Why', required: true, options: REASONS.map((reason) => [reason, stockReason(reason)]) })}
  ${field({ id: `${id}-delta`, name: 'delta', label: 'Units', required: true, inputmode: 'numeric', autocomplete: 'off', pattern: '[+\\-−]?[0-9]{1,10}', title: 'a whole number', hint: 'how many more, or where counted anew −3 for three fewer' })}
  ${field({ id: `${id}-orderId`, name: 'orderId', label: 'Order', maxlength: 30, autocomplete: 'off', spellcheck: 'false', hint: 'of what a customer returned: its id, ord_…' })}
  ${field({ id: `${id}-note`, name: 'note', label: 'Note', maxlength: 500, autocomplete: 'off' })}
`;

/** Does what the form says; the stock as it is then. */
export async function adjust(articleId, { reason, delta, orderId, note }) {
  let units = BigInt(delta.replace('−', '-').replace('+', ''));
  if (units === 0n) throw invalid('delta', 'must be something');
  if (reason === 'STOCK_REASON_WRITTEN_OFF') units = units < 0n ? units : -units;
  else if (units < 0n && reason !== 'STOCK_REASON_CORRECTION') throw invalid('delta', 'must be more than zero; write off or count anew to take some away');
  if (orderId && reason !== 'STOCK_REASON_RETURNED') throw invalid('orderId', 'is for what a customer returned');
  const body = { delta: String(units), reason, note, orderId: orderId || undefined };
  try {
    return await call('POST', `/v1/articles/${articleId}/stock:adjust`, { body });
  } catch (error) {
    if (error.reason !== 'OUT_OF_STOCK') throw error;
    throw invalid('delta', `must be ${error.metadata.free} or fewer: so many are free`);
  }
}
