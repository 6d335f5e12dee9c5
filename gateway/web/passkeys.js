// What the browser's authenticators are asked, and what they answer (WebAuthn). The API reads and writes it as JSON.

const Credential = globalThis.PublicKeyCredential;

/** Whether there can be passkeys on this page: browsers make none for addresses without a name. */
export const hasPasskeys = () =>
  Boolean(Credential?.parseCreationOptionsFromJSON && Credential.parseRequestOptionsFromJSON && Credential.prototype.toJSON) &&
  !/^[\d.]+$|:/.test(location.hostname);

/** Whether the browser offers them beside the names that it fills in. */
export const fillsIn = async () => hasPasskeys() && Boolean(await Credential.isConditionalMediationAvailable?.());

/** Has an authenticator make a passkey; what the API takes of it. */
export async function makePasskey(options, signal) {
  const publicKey = Credential.parseCreationOptionsFromJSON(JSON.parse(options));
  return JSON.stringify(await navigator.credentials.create({ publicKey, signal }));
}

/** Has somebody choose a passkey; what the API takes of it. With `mediation` `conditional` it waits until one is chosen. */
export async function usePasskey(options, { signal, mediation } = {}) {
  const publicKey = Credential.parseRequestOptionsFromJSON(JSON.parse(options));
  return JSON.stringify(await navigator.credentials.get({ publicKey, signal, mediation }));
}

/** Why there is none, in a sentence; empty where somebody left the question, undefined where it was something else. */
export function whyNoPasskey(error) {
  if (error.metadata?.state === 'PASSKEYS_OFF') return 'This shop has no passkeys: it is reached by no address that they could belong to.';
  return {
    NotAllowedError: '',
    AbortError: '',
    InvalidStateError: 'This device has a passkey of yours already.',
    SecurityError: 'Passkeys belong to another address of this shop. Open it there.',
    NotSupportedError: 'This device has no passkeys of the kind that the shop takes.',
    ConstraintError: 'This device cannot make sure that it is you. Set a PIN or a screen lock first.',
  }[error.name];
}
