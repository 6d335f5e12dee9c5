// Parts that pages are made of.

import { ApiError, advice } from './api.js';
import { here } from './base.js';
import { signInFirst } from './router.js';
import { html, nothing, render } from './vendor/lit-html.js';

/** What an attribute needs to be absent. */
export const maybe = (value) => (value === undefined || value === null || value === false ? nothing : value);

/**
 * A labelled input with its hint and its error. `name` is the field's proto path without its message
 * (`postalCode`, `lines[0]`), by which server's violations find it.
 */
export function field({ name, label, hint, type = 'text', id = `f-${name}`, value = '', options, rows, ...rest }) {
  const described = `${hint ? `${id}-hint ` : ''}${id}-error`;
  const attributes = { ...rest };
  const control = options
    ? html`<select id=${id} name=${name} aria-describedby=${described} ?required=${attributes.required}>
        ${options.map(
          ([code, text]) => html`<option value=${code} ?selected=${String(code) === String(value)}>${text}</option>`,
        )}
      </select>`
    : rows
      ? html`<textarea
          id=${id}
          name=${name}
          rows=${rows}
          aria-describedby=${described}
          maxlength=${maybe(attributes.maxlength)}
          ?required=${attributes.required}
          ?data-verbatim=${attributes.verbatim}
          .defaultValue=${value}
        ></textarea>`
      : html`<input
          id=${id}
          name=${name}
          type=${type}
          aria-describedby=${described}
          autocomplete=${maybe(attributes.autocomplete)}
          inputmode=${maybe(attributes.inputmode)}
          pattern=${maybe(attributes.pattern)}
          title=${maybe(attributes.title)}
          placeholder=${maybe(attributes.placeholder)}
          minlength=${maybe(attributes.minlength)}
          maxlength=${maybe(attributes.maxlength)}
          min=${maybe(attributes.min)}
          max=${maybe(attributes.max)}
          step=${maybe(attributes.step)}
          accept=${maybe(attributes.accept)}
          autocapitalize=${maybe(attributes.autocapitalize)}
          spellcheck=${maybe(attributes.spellcheck)}
          ?required=${attributes.required}
          ?readonly=${attributes.readonly}
          value=${value}
        />`;
  return html`
    <div class="field">
      <label for=${id}>${label}${attributes.required ? nothing : html` <span class="quiet">(optional)</span>`}</label>
      ${control} ${hint ? html`<p class="hint" id="${id}-hint">${hint}</p>` : nothing}
      <p class="error" id="${id}-error"></p>
    </div>
  `;
}

/** A check box with its label. */
export const check = ({ name, label, checked = false, id = `f-${name}` }) => html`
  <div class="check">
    <input type="checkbox" id=${id} name=${name} ?checked=${checked} /><label for=${id}>${label}</label>
  </div>
`;

const camel = (path) => path.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

/** The input that a violation is about: the one whose name is its path, or the end of it. */
function inputOf(form, { field }) {
  const path = camel(field);
  const inputs = [...form.elements].filter((input) => input.name);
  return (
    inputs.find((input) => input.name === path) ??
    inputs.find((input) => path.endsWith(`.${input.name}`) || path.startsWith(`${input.name}[`)) ??
    inputs.find((input) => path.split('.').pop() === input.name.split('.').pop())
  );
}

function clearErrors(form) {
  for (const input of form.querySelectorAll('[aria-invalid]')) input.removeAttribute('aria-invalid');
  for (const error of form.querySelectorAll('.error')) error.textContent = '';
  for (const error of form.querySelectorAll(':scope > .form-error')) error.remove();
}

function mark(input, text) {
  input.setAttribute('aria-invalid', 'true');
  const error = document.getElementById(`${input.id}-error`);
  if (error) error.textContent = text;
}

/** Shows in a form what is wrong with it: at its fields where they are named, else above them. */
export function showErrors(form, error) {
  const rest = [];
  let first;
  for (const violation of error.violations) {
    const input = inputOf(form, violation);
    const text = `${violation.description[0].toUpperCase()}${violation.description.slice(1)}.`;
    if (!input) rest.push(`${violation.field}: ${violation.description}.`);
    else {
      mark(input, text);
      first ??= input;
    }
  }
  if (error.reason === 'ALREADY_EXISTS') {
    const input = [...form.elements].find((input) => input.name === camel(error.metadata.field ?? ''));
    if (input) {
      mark(input, advice(error));
      first ??= input;
    }
  }
  const box = document.createElement('div');
  box.className = 'notice bad form-error';
  box.setAttribute('role', 'alert');
  box.tabIndex = -1;
  box.textContent = [advice(error), ...rest].join(' ');
  form.prepend(box);
  (first ?? box).focus();
}

const isVerbatim = (input) => input.type === 'password' || 'verbatim' in input.dataset;

/** The values of a form by their names, trimmed but for passwords and texts that are taken as they are. */
export const valuesOf = (form) =>
  Object.fromEntries(
    [...form.elements]
      .filter((input) => input.name && input.type !== 'submit' && (input.type !== 'radio' || input.checked))
      .map((input) => [
        input.name,
        input.type === 'checkbox' ? input.checked : isVerbatim(input) ? input.value : input.value.trim(),
      ]),
  );

/** Marks what is being done on an element's buttons, so that nobody does it twice. */
export async function busy(element, work) {
  const buttons = element.matches('button') ? [element] : [...element.querySelectorAll('button')];
  const idle = buttons.filter((button) => !button.disabled);
  const focused = document.activeElement;
  element.setAttribute('aria-busy', 'true');
  for (const button of idle) button.disabled = true;
  try {
    return await work();
  } finally {
    element.removeAttribute('aria-busy');
    for (const button of idle) button.disabled = false;
    if (document.activeElement === document.body && focused?.isConnected) focused.focus();
  }
}

/**
 * What a form does when it is sent: `@submit=${submit(async (values, form) => …)}`. Failures are shown in it;
 * `handle(error)` may deal with some itself and returns true for those.
 */
export const submit = (work, handle = () => false) => async (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  if (form.getAttribute('aria-busy')) return;
  clearErrors(form);
  let failed;
  await busy(form, () => work(valuesOf(form), form, event.submitter)).catch((error) => (failed = error));
  if (failed) await problem(failed, (error) => showErrors(form, error), handle);
};

/** What a button does: `@click=${press(async () => …)}`. Failures are told in a toast. */
export const press = (work, handle = () => false) => async (event) => {
  const button = event.currentTarget;
  let failed;
  await busy(button, () => work(event)).catch((error) => (failed = error));
  if (failed) await problem(failed, (error) => toast(advice(error), 'bad'), handle);
};

async function problem(error, show, handle) {
  if (error.name === 'AbortError' || (await handle(error))) return;
  if (!(error instanceof ApiError)) {
    toast('Something went wrong on this page. Load it again, then try once more.', 'bad');
    throw error;
  }
  if (error.code === 'UNAUTHENTICATED' && here().pathname !== '/sign-in') return void signInFirst();
  show(error);
}

/** Tells something in passing. */
export function toast(text, kind = 'good') {
  const toasts = document.getElementById('toasts');
  const one = document.createElement('p');
  one.className = `toast ${kind}`;
  one.textContent = text;
  toasts.append(one);
  const gone = () => one.remove();
  one.addEventListener('click', gone);
  setTimeout(gone, kind === 'bad' ? 10_000 : 5_000);
}

/** Asks before something is done that cannot be undone; resolves to whether to do it, or to its form's values. */
export function confirm({ title, text, action, danger = true, fields = nothing }) {
  const dialog = document.createElement('dialog');
  dialog.setAttribute('aria-labelledby', 'dialog-title');
  document.body.append(dialog);
  return new Promise((done) => {
    const close = (result) => {
      done(result);
      dialog.close();
      dialog.remove();
    };
    dialog.addEventListener('cancel', () => close(false));
    const agree = (event) => {
      event.preventDefault();
      close(valuesOf(event.currentTarget));
    };
    const template = html`
      <form @submit=${agree}>
        <h2 id="dialog-title">${title}</h2>
        <p>${text}</p>
        ${fields}
        <div class="actions">
          <button type="button" class="plain" @click=${() => close(false)}>Keep it as it is</button>
          <button class=${danger ? 'danger' : ''}>${action}</button>
        </div>
      </form>
    `;
    render(template, dialog);
    dialog.showModal();
  });
}

/** An article's picture, in room kept for it; a drawing where there is none. */
export const picture = (article, { eager = false, alt = '' } = {}) => html`
  <span class="picture">
    ${article.imageUrl
      ? html`<img
          src=${article.imageUrl}
          alt=${alt}
          width="400"
          height="300"
          loading=${eager ? 'eager' : 'lazy'}
          decoding="async"
          @error=${(event) => event.target.remove()}
        />`
      : nothing}
  </span>
`;

const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const times = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** A day, with its exact time for who points at it. */
export const day = (time) =>
  time ? html`<time datetime=${time} title=${times.format(new Date(time))}>${dates.format(new Date(time))}</time>` : nothing;

/** A day and a time. */
export const moment = (time) =>
  time ? html`<time datetime=${time}>${times.format(new Date(time))}</time>` : nothing;

/** The end of an id, enough to tell it from others at a glance. */
export const shortId = (id) => id.slice(-8).toUpperCase();
