// The pictures of what is in baskets and orders, which name articles by their ids alone.

import { call } from '../api.js';
import { picture } from '../ui.js';

const known = new Map();
/** How many articles one call reads, and how often it is asked again without one that is gone. */
const MOST = 100;
const TRIES = 5;

/**
 * Looks up the articles of lines; resolves when `pictureOf` knows them. One that is gone, or that cannot be read, has
 * no picture: that is no reason to show no order.
 */
export async function lookUp(lines, signal) {
  let ids = [...new Set(lines.map(({ articleId }) => articleId))].filter((id) => !known.has(id));
  for (let from = 0; from < ids.length; from += MOST) await read(ids.slice(from, from + MOST), signal);
}

async function read(ids, signal, tries = TRIES) {
  if (!ids.length || !tries) return;
  try {
    const { articles } = await call('GET', '/v1/articles:batchGet', { query: { ids }, signal });
    for (const article of articles) known.set(article.id, article);
  } catch (error) {
    const gone = error.metadata?.article_id;
    if (error.reason !== 'NOT_FOUND' || !ids.includes(gone)) return;
    known.set(gone, {});
    await read(ids.filter((id) => id !== gone), signal, tries - 1);
  }
}

/** A line's picture, in room kept for it. Its name stands beside it. */
export const pictureOf = (line) => picture(known.get(line?.articleId) ?? {});
