// The picture of an article: looking at it, choosing another one, sending it.

import { ApiError, call, callRaw } from '../api.js';
import { inner } from '../base.js';
import { field, picture as shopPicture } from '../ui.js';
import { html } from '../vendor/lit-html.js';
import { invalid } from './common.js';

const TYPES = 'image/png,image/jpeg,image/gif,image/webp';
const MOST_BYTES = 4_000_000;

/** A file as an address of an image; the policy of the page allows no `blob:`. */
const dataUrl = (file) =>
  new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });

// Pictures of articles that are not for sale, by their addresses: they come with a token only.
const hidden = new Map();
const isHidden = ({ active, imageUrl }) => !active && isOwn(imageUrl);
function isOwn(address) {
  const url = new URL(address, location.href);
  return url.origin === location.origin && inner(url).pathname.startsWith('/v1/');
}

/** Reads the pictures of these articles that the public does not see; whether there were any. */
export async function readHidden(articles, signal) {
  const missing = articles.filter((article) => isHidden(article) && !hidden.has(article.imageUrl));
  const read = async ({ imageUrl }) => {
    const response = await callRaw('GET', imageUrl, { headers: { accept: 'image/*' }, signal });
    hidden.set(imageUrl, await dataUrl(await response.blob()));
  };
  const outcomes = await Promise.allSettled(missing.map(read));
  // One that cannot be read is just not shown.
  const failed = outcomes.find(({ reason }) => reason && !(reason instanceof ApiError));
  if (failed) throw failed.reason;
  return missing.length > 0;
}

/** An article's picture, for sale or not. */
export const picture = (article, options) =>
  shopPicture(isHidden(article) ? { ...article, imageUrl: hidden.get(article.imageUrl) } : article, options);

/** The input for a picture, which shows the chosen one. */
export function pictureField(label = 'Picture') {
  const preview = async ({ target, currentTarget }) => {
    const shown = currentTarget.querySelector('img');
    const [file] = target.files;
    if (file) shown.src = await dataUrl(file);
    shown.hidden = !file;
  };
  return html`
    <div class="upload" @change=${preview}>
      <img alt="The chosen picture" hidden />
      ${field({ name: 'picture', label, type: 'file', accept: TYPES, hint: 'PNG, JPEG, GIF or WebP, up to 4 MB' })}
    </div>
  `;
}

/** The file that was chosen in a form; undefined for none. Throws what the form shows. */
export function pictureOf(form) {
  const [file] = form.elements.picture.files;
  if (file && file.size > MOST_BYTES) throw invalid('picture', 'has more than 4 MB; make it smaller');
  return file;
}

/** Gives an article its picture; the article as it is then. */
export async function sendPicture(article, file) {
  const headers = { 'content-type': file.type || 'application/octet-stream' };
  try {
    return await call('POST', `/v1/articles/${article.id}/image`, { body: file, etag: article.etag, headers });
  } catch (error) {
    const [violation] = error.violations ?? [];
    throw violation ? invalid('picture', violation.description) : error;
  }
}
