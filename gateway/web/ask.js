// Questions that are asked in a dialog, which stays open while what they are about is done.

import { submit } from './ui.js';
import { html, nothing, render } from './vendor/lit-html.js';

/** Whether what somebody acted on stands otherwise than it was shown. */
export const hasChanged = (error) => ['ETAG_MISMATCH', 'ILLEGAL_STATE'].includes(error.reason) || error.code === 'ABORTED';

/**
 * Asks before something is done, and does it while the dialog is open, so that what is wrong with its fields
 * can be put right. Resolves to what `work(values)` gave, or to undefined where it is left; rejects where what
 * it is about has changed meanwhile.
 *
 * `fields` may be a function that gives them; `handle(error, draw)` may deal with an error itself, draws again what it
 * has changed, and returns true.
 */
export function ask({ title, text = nothing, action, fields = nothing, danger = false, signal, work, handle = () => false }) {
  const dialog = document.createElement('dialog');
  // One may ask before another one goes on.
  const titleId = `dialog-title-${document.querySelectorAll('dialog').length}`;
  dialog.setAttribute('aria-labelledby', titleId);
  document.body.append(dialog);
  return new Promise((done, failed) => {
    const close = () => {
      dialog.close();
      dialog.remove();
    };
    const leave = () => (close(), done(undefined));
    const send = submit(
      async (values) => {
        const result = await work(values);
        close();
        done(result ?? true);
      },
      async (error) => {
        if (await handle(error, draw)) return true;
        if (!hasChanged(error)) return false;
        close();
        failed(error);
        return true;
      },
    );
    dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      if (!dialog.querySelector('[aria-busy]')) leave();
    });
    signal?.addEventListener('abort', leave, { once: true });
    const template = () => html`
      <form @submit=${send}>
        <h2 id=${titleId}>${title}</h2>
        ${text === nothing ? nothing : html`<p>${text}</p>`} ${typeof fields === 'function' ? fields() : fields}
        <div class="actions">
          <button class=${danger ? 'danger' : ''}>${action}</button>
          <button type="button" class="plain" @click=${leave}>Leave it</button>
        </div>
      </form>
    `;
    const draw = () => render(template(), dialog);
    draw();
    dialog.showModal();
    dialog.querySelector('input, select, textarea')?.focus();
  });
}
