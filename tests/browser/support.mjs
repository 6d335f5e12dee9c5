// What the browser tests share: a Chromium, shoppers and articles made by the API, and what every page must keep to.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before } from 'node:test';

const { FEIRA_URL, FEIRA_BROWSER_TOOLS, FEIRA_ADMIN_PASSWORD } = process.env;
if (!FEIRA_URL) throw new Error('run these tests by tests/browser/run');

const require = createRequire(`${FEIRA_BROWSER_TOOLS}/`);
const { chromium } = require('playwright-core');
const decodeQr = (await import(require.resolve('qr/decode.js'))).default;
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

/** Where the shop is. */
export const BASE = FEIRA_URL;
export const PASSWORD = 'correct horse battery';
export const PHONE = { width: 390, height: 844 };
export const DESK = { width: 1280, height: 900 };
/** The narrowest phones. */
const NARROW = 360;

let browser;
before(async () => {
  const quiet = ['gpu', 'quic', 'background-networking', 'component-update', 'sync'].map((what) => `--disable-${what}`);
  browser = await chromium.launch({
    executablePath: process.env.FEIRA_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--no-first-run', ...quiet],
  });
});
after(() => browser?.close());

// Names of this process alone: the files' tests run at the same time.
let count = 0;
/** A new name. */
export const name = (prefix) => `${prefix}${process.pid}x${(count += 1)}`;

/** A call of the API; its JSON. */
export async function api(method, path, body, token, headers = {}) {
  const response = await fetch(BASE + path, {
    method,
    headers: {
      ...(body === undefined || body instanceof Uint8Array ? {} : { 'content-type': 'application/json' }),
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...headers,
    },
    body: body instanceof Uint8Array ? body : body && JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : undefined;
}

/** Signs in by the API; the access token. */
export const tokenOf = async (login, password) =>
  (await api('POST', '/v1/auth:signIn', { login, password })).accessToken;

let admin;
/** The administrator's access token. */
export const adminToken = () => (admin ??= tokenOf('admin', FEIRA_ADMIN_PASSWORD));

export const ADDRESS = { recipient: 'Maria Silva', lines: ['Rua das Flores 1'], postalCode: '4050-262', city: 'Porto', countryCode: 'PT' };

/** Registers a shopper, by default with an address. */
export async function shopper(more = { address: ADDRESS }) {
  const username = name('maria');
  const user = await api('POST', '/v1/users', { username, email: `${username}@shop.example`, password: PASSWORD, ...more });
  return { ...user, username };
}

/** An article with stock. */
export async function article(more = {}, stock = 10) {
  const token = await adminToken();
  const made = await api(
    'POST',
    '/v1/articles',
    { code: name('T-'), name: 'Test tea', active: true, taxRateBasisPoints: 2300, price: { currencyCode: 'EUR', units: '12', nanos: 990000000 }, ...more },
    token,
  );
  if (stock) await api('POST', `/v1/articles/${made.id}/stock:adjust`, { delta: stock, reason: 'STOCK_REASON_RECEIVED' }, token);
  return made;
}

/**
 * A page of a browser of its own. What goes wrong on it fails the test at its end, but for console errors that
 * `expected` matches: errors that it logs, exceptions, violations of the Content-Security-Policy.
 */
export async function open(t, { viewport = DESK, expected = [], ...options } = {}) {
  const context = await browser.newContext({ viewport, locale: 'en-GB', timezoneId: 'Europe/Lisbon', baseURL: BASE, ...options });
  context.setDefaultTimeout(10_000);
  const problems = [];
  await context.addInitScript(() => {
    addEventListener('securitypolicyviolation', (event) => console.error(`CSP: ${event.violatedDirective} ${event.blockedURI}`));
  });
  const watch = (page) => {
    page.on('pageerror', (error) => problems.push(`exception: ${error.message}`));
    page.on('console', (message) => {
      const text = `${message.text()} ${message.location().url}`;
      if (message.type() === 'error' && !expected.some((pattern) => pattern.test(text))) problems.push(text);
    });
  };
  // The action page is not ours.
  context.on('page', (page) => watch(page));
  const page = await context.newPage();
  t.after(async () => {
    await context.close();
    assert.deepEqual(problems, [], 'what went wrong on the page');
  });
  return { context, page };
}

/** Signs in on the page. */
export async function signIn(page, username, password = PASSWORD) {
  await page.goto('/sign-in');
  await page.getByLabel('Username or e-mail').fill(username);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL('/');
  await page.locator('.tool .who').waitFor();
}

/** The page is there: drawn, and nothing of it still being loaded. */
export async function settled(page) {
  await page.locator('html:not([data-loading])').waitFor({ state: 'attached' });
  await page.locator('main .skeleton').waitFor({ state: 'detached' });
}

/** What a camera reads off an element that shows a QR code. */
export async function readQr(page, locator) {
  const png = (await locator.screenshot()).toString('base64');
  const { pixels, width, height } = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
    const { width, height } = image;
    const canvas = new OffscreenCanvas(width, height).getContext('2d');
    canvas.drawImage(image, 0, 0);
    return { pixels: [...canvas.getImageData(0, 0, width, height).data], width, height };
  }, png);
  return decodeQr({ data: Uint8ClampedArray.from(pixels), width, height });
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

/** The code of an authenticator (RFC 6238): of now, or so many steps from now. Each works once, and no older one after it. */
export function codeOf(secret, steps = 0) {
  const bits = [...secret].map((letter) => BASE32.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const mac = createHmac('sha1', key).update(counter).digest();
  return String((mac.readUInt32BE(mac.at(-1) & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** Asserts that axe finds nothing, that nothing is wider than the page, and that fingers find what they aim at. */
export async function accessible(page, what) {
  await settled(page);
  if (!(await page.evaluate('typeof axe === "object"'))) await page.evaluate(AXE);
  const before = page.viewportSize();
  // Colours do not depend on the width, nor widths on colours: two of the four combinations show all.
  for (const [colorScheme, viewport] of [['light', DESK], ['dark', PHONE]]) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize(viewport);
    const where = `${what}, ${colorScheme}, ${viewport.width} px`;
    const violations = await page.evaluate(async () =>
      (await axe.run()).violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}`)),
    );
    assert.deepEqual(violations, [], where);
    const wide = await page.evaluate(() => document.scrollingElement.scrollWidth);
    assert.ok(wide <= viewport.width, `${where}: ${wide} px wide`);
  }
  await page.setViewportSize({ ...PHONE, width: NARROW });
  const narrow = await page.evaluate(() => document.scrollingElement.scrollWidth);
  assert.ok(narrow <= NARROW, `${what}: ${narrow} px wide on a phone of ${NARROW} px`);
  const small = await page.evaluate(() =>
    [...document.querySelectorAll('button, .button, .tool, .chips a, select, input:not([type=checkbox], [type=radio])')]
      .filter((element) => element.checkVisibility() && element.getBoundingClientRect().height < 44)
      .map((element) => element.outerHTML),
  );
  assert.deepEqual(small, [], `${what}: smaller than 44 px`);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(before);
}
