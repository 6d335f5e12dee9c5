// The fields of a postal address.

import { field } from '../ui.js';
import { html } from '../vendor/lit-html.js';

/** Codes that browsers name and that are not, or no longer, countries. */
const OTHERS = new Set('AN BU CS DD DY EU EZ FX HV NH NT QO QU RH SU TP UK UN VD XA XB YD YU ZR ZZ'.split(' '));

let countries;

// Countries as the browser knows it, in its language.
function countryList() {
  if (countries) return countries;
  const names = new Intl.DisplayNames(undefined, { type: 'region', fallback: 'none' });
  const letters = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  const codes = letters.flatMap((first) => letters.map((second) => first + second));
  const named = codes.filter((code) => !OTHERS.has(code)).map((code) => [code, names.of(code)]);
  countries = named.filter(([, name]) => name).sort(([, a], [, b]) => a.localeCompare(b));
  return countries;
}

/** The country that the browser's language is spoken in, if it says. */
function likelyCountry() {
  try {
    return new Intl.Locale(navigator.language).region ?? '';
  } catch {
    return '';
  }
}

export const addressFields = (address) => html`
  ${field({ name: 'recipient', label: 'Recipient', value: address?.recipient, autocomplete: 'name', required: true, maxlength: 200 })}
  ${field({ name: 'lines[0]', id: 'f-line-1', label: 'Street and number', value: address?.lines[0], autocomplete: 'address-line1', required: true, maxlength: 200 })}
  ${field({ name: 'lines[1]', id: 'f-line-2', label: 'Floor, flat, company', value: address?.lines.slice(1).join(', '), autocomplete: 'address-line2', maxlength: 200 })}
  <div class="pair">
    ${field({ name: 'postalCode', label: 'Postal code', value: address?.postalCode, autocomplete: 'postal-code', maxlength: 20 })}
    ${field({ name: 'city', label: 'City', value: address?.city, autocomplete: 'address-level2', required: true, maxlength: 100 })}
  </div>
  <div class="pair">
    ${field({ name: 'region', label: 'Region', value: address?.region, autocomplete: 'address-level1', maxlength: 100 })}
    ${field({ name: 'countryCode', label: 'Country', value: address?.countryCode ?? likelyCountry(), required: true, options: [['', 'Choose…'], ...countryList()] })}
  </div>
  ${field({ name: 'phone', label: 'Phone', type: 'tel', value: address?.phone, autocomplete: 'tel', hint: 'For the carrier only', maxlength: 60 })}
`;

/** The address that a form's values are. */
export const addressOf = (values) => ({
  recipient: values.recipient,
  lines: [values['lines[0]'], values['lines[1]']].filter(Boolean),
  postalCode: values.postalCode,
  city: values.city,
  region: values.region,
  countryCode: values.countryCode,
  phone: values.phone,
});
