// What takes a sign-in of the last minutes: the password is asked for, and it is done after all.

import { call } from './api.js';
import { ask } from './ask.js';
import { signInAgain } from './session.js';
import { field } from './ui.js';
import { html, nothing } from './vendor/lit-html.js';

/**
 * Does something that may take a sign-in of the last minutes: where the API says so, the password is asked for, and the
 * work is done again. Throws an AbortError where the question is left, which nobody is told of.
 */
export async function withPassword(work, signal) {
  try {
    return await work();
  } catch (error) {
    if (error.reason !== 'REAUTHENTICATION_REQUIRED') throw error;
  }
  if (!(await askPassword(signal))) throw new DOMException('left as it was', 'AbortError');
  return work();
}

async function askPassword(signal) {
  // The name by which she signs in may have changed since she did.
  const { username } = await call('GET', '/v1/users/me', { signal });
  let code = false;
  let wrong = false;
  return ask({
    title: 'Is it you?',
    text: 'You signed in a while ago. Type your password, then it goes on.',
    action: 'Go on',
    signal,
    fields: () => html`
      <div role="alert">${wrong ? html`<p class="notice bad">${code ? 'The password or the code is not right. Try again.' : 'This is not your password. Try again.'}</p>` : nothing}</div>
      ${field({ id: 'again-password', name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password', required: true, maxlength: 128 })}
      ${code ? codeField('again-code') : nothing}
    `,
    work: (values) => signInAgain(username, values.password, values.code),
    handle: (error, draw) => {
      if (error.code !== 'UNAUTHENTICATED') return false;
      wrong = error.reason !== 'CODE_REQUIRED';
      code ||= !wrong;
      draw();
      const input = document.getElementById(code ? 'again-code' : 'again-password');
      input.focus();
      input.select();
      return true;
    },
  });
}

/** The input for a code of the second factor. */
export const codeField = (id = 'd-code', hint = 'Of your authenticator, or one for recovery') =>
  field({ id, name: 'code', label: 'Code', hint, autocomplete: 'one-time-code', required: true, maxlength: 64, autocapitalize: 'none', spellcheck: 'false' });
