// Secrets that are shown once: to be copied, or kept as a file.

import { press, toast } from './ui.js';
import { html } from './vendor/lit-html.js';

/** Puts a text where one can paste it from, also where browsers let only pages behind TLS do so. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.readOnly = true;
    area.className = 'hidden';
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    return copied;
  }
}

/** A button that copies a text; `what` names it to those who cannot see which one it stands beside. */
export const copyButton = (text, what) => html`
  <button
    type="button"
    class="plain"
    @click=${press(async (event) => {
      const button = event.target.closest('button');
      if (await copyText(text)) toast('It is copied.');
      else toast('Your browser does not let the page copy it. Select the text and copy it yourself.', 'bad');
      button?.focus();
    })}
  >Copy<span class="hidden"> ${what}</span></button>
`;
