// What must not run does not: whatever stands in the data, or gets into the page.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { adminToken, api, article, name, open, settled, shopper, signIn } from './support.mjs';

const MARKUP = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>"'><svg onload=window.hacked=1>{{7*7}}\${7*7}`;

test('markup in the data is shown as the text that it is', async (t) => {
  const { page } = await open(t);
  const word = name('cravo');
  const evil = await article({ name: `${word} ${MARKUP}`, description: MARKUP, category: `${word} ${MARKUP}`.slice(0, 100) });
  const user = await shopper({ firstName: MARKUP.slice(0, 90), address: { recipient: MARKUP, lines: [MARKUP], city: MARKUP.slice(0, 90), countryCode: 'PT' } });
  await page.goto(`/?q=${word}`);
  await page.getByRole('main').getByRole('link', { name: `${word} ${MARKUP}` }).last().waitFor();
  await page.goto(`/?q=${encodeURIComponent(MARKUP)}&category=${encodeURIComponent(MARKUP.slice(0, 90))}`);
  await page.getByRole('heading', { level: 1 }).filter({ hasText: MARKUP }).waitFor();
  await page.goto(`/articles/${evil.id}`);
  await page.locator('.about', { hasText: MARKUP }).waitFor();
  assert.equal(await page.locator('.about').innerText(), MARKUP);
  await signIn(page, user.username);
  await page.goto('/account/addresses');
  await page.locator('address', { hasText: MARKUP }).waitFor();
  await page.goto(`/articles/${evil.id}`);
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.locator('.toast', { hasText: MARKUP }).waitFor();
  await page.goto('/checkout');
  await page.getByRole('button', { name: 'Pay €12.99' }).click();
  await page.getByText('Thank you: it is paid').waitFor();
  const order = page.url().match(/ord_\w+/)[0];
  await api('POST', `/v1/orders/${order}:ship`, { carrier: MARKUP.slice(0, 90), trackingCode: MARKUP.slice(0, 90) }, await adminToken());
  await page.getByText(`It is on its way by ${MARKUP.slice(0, 90)}`).waitFor();
  assert.equal(await page.evaluate(() => window.hacked), undefined);
});

test('a script that got into the page does not run, and reaches nobody', async (t) => {
  const { page } = await open(t, { expected: [/CSP|Content.Security.Policy|TrustedHTML|TrustedScript|Trusted/i] });
  await page.goto('/');
  await settled(page);
  const outcome = await page.evaluate(async () => {
    // What a debugger evaluates may evaluate more, whatever the policy says, until its first task ends.
    await new Promise((done) => { setTimeout(done); });
    const tried = {};
    const attempt = async (what, work) => {
      try {
        await work();
        tried[what] = 'done';
      } catch (error) {
        tried[what] = error.name;
      }
    };
    const put = (tag, set) => {
      const element = document.createElement(tag);
      set(element);
      document.body.append(element);
      return new Promise((done) => {
        element.onload = element.onerror = () => done();
        if (tag !== 'script' || !element.src) setTimeout(done, 50);
      });
    };
    await attempt('innerHTML', () => { document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="hacked=1">'); });
    await attempt('eval', () => (0, eval)('hacked=1'));
    await attempt('function', () => new Function('window.hacked=1')());
    await attempt('timer', () => setTimeout('hacked=1', 0));
    await attempt('inline', () => put('script', (script) => script.append('window.hacked=1')));
    await attempt('handler', () => put('button', (button) => { button.setAttribute('onclick', 'window.hacked=1'); button.click(); }));
    await attempt('link', () => put('a', (link) => { link.href = 'javascript:window.hacked=1'; link.click(); }));
    await attempt('policy', () => trustedTypes.createPolicy('evil', { createHTML: (text) => text }));
    await attempt('elsewhere', () => fetch('https://evil.example/'));
    await attempt('data', () => fetch('data:text/plain,x'));
    return { tried, hacked: window.hacked };
  });
  assert.equal(outcome.hacked, undefined);
  for (const what of ['innerHTML', 'eval', 'function', 'timer', 'policy', 'elsewhere', 'data']) {
    assert.notEqual(outcome.tried[what], 'done', what);
  }
});

test('the page is in nobody’s frame', async (t) => {
  const { page } = await open(t, { expected: [/frame-ancestors|Refused to frame|Framing/i] });
  const at = new URL('/', process.env.FEIRA_URL).href;
  await page.setContent(`<iframe src="${at}"></iframe>`);
  const frame = await (await page.waitForSelector('iframe')).contentFrame();
  await frame.waitForLoadState().catch(() => {});
  assert.equal(await frame.locator('main').count().catch(() => 0), 0);
});
