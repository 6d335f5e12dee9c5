// Sessions as the devices that they are on: listed, and ended.

import { call } from '../api.js';
import { ask } from '../ask.js';
import { withPassword } from '../password-prompt.js';
import { day, moment, press, toast } from '../ui.js';
import { html, nothing } from '../vendor/lit-html.js';

// The first that fits counts: browsers name those that they descend from.
const BROWSERS = [
  [/\bEdg(?:A|iOS)?\//, 'Edge'], [/\bOPR\//, 'Opera'], [/\bSamsungBrowser\//, 'Samsung Internet'], [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|CriOS|Chromium|HeadlessChrome)\//, 'Chrome'], [/\bVersion\/\S+.*\bSafari\//, 'Safari'],
];
const SYSTEMS = [
  [/\biPhone\b/, 'iPhone'], [/\biPad\b/, 'iPad'], [/\bAndroid\b/, 'Android'], [/\bWindows\b/, 'Windows'], [/\bCrOS\b/, 'ChromeOS'],
  [/\bMac OS X\b/, 'macOS'], [/\bLinux\b/, 'Linux'],
];

/** A `User-Agent` in words: the browser and the system; of other programs, what they say. */
export function deviceOf(agent) {
  const named = (list) => list.find(([pattern]) => pattern.test(agent))?.[1];
  const [browser, system] = [named(BROWSERS), named(SYSTEMS)];
  if (browser) return system ? `${browser} on ${system}` : browser;
  return agent.slice(0, 80) || 'A program that does not say its name';
}

/** A list of sessions. `end(session)`, and `end()` for all but the own one, give what a button does. */
export const devices = (sessions, end) => {
  const mine = ({ current }) => current;
  const others = sessions.filter((session) => !mine(session));
  return html`
    <ul class="lines">
      ${[...sessions.filter(mine), ...others].map(
        (session) => html`
          <li class="line">
            <span class="what">
              <strong>${deviceOf(session.userAgent)} ${session.current ? html`<span class="badge good">This one</span>` : nothing}</strong>
              <span class="quiet">${session.ipAddress ? html`${session.ipAddress}, ` : nothing}last used ${moment(session.lastUsedTime)}, since ${day(session.createTime)}</span>
            </span>
            ${session.current
              ? nothing
              : html`<button class="plain" @click=${end(session)}>End<span class="hidden"> ${deviceOf(session.userAgent)}, last used ${moment(session.lastUsedTime)}</span></button>`}
          </li>
        `,
      )}
    </ul>
    ${others.length ? html`<button class="plain" @click=${end()}>${sessions.some(mine) ? 'End all others…' : 'End all…'}</button>` : nothing}
  `;
};

/** What ends sessions of a user, `me` or by id: see `devices`. Then `read()` shows those that are left. */
export const confirmSignOut = (userId, read, signal) => (session) =>
  press(
    async () => {
      if (session) {
        await withPassword(() => call('DELETE', `/v1/users/${userId}/sessions/${session.id}`), signal);
        await read();
        document.querySelector('main h1').focus();
        return toast('That session has ended.');
      }
      const own = userId === 'me';
      const done = await ask({
        title: own ? 'End all other sessions?' : 'End all sessions?',
        text: `All ${own ? 'other ' : ''}devices have to sign in again. API keys go on.`,
        action: 'End them',
        danger: true,
        signal,
        work: () => withPassword(() => call('POST', `/v1/users/${userId}/sessions:revokeAll`, { body: { keepCurrent: own } }), signal),
      });
      if (!done) return undefined;
      await read();
      document.querySelector('main h1').focus();
      return toast(own ? 'All other sessions have ended.' : 'All sessions have ended.');
    },
    async (error) => {
      // It has ended by itself meanwhile.
      if (error.status !== 404 || !session) return false;
      await read();
      toast('That session had ended already.');
      return true;
    },
  );
