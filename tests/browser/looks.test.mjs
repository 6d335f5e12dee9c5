// How pages fit together: on a phone, with pictures, and where there is nothing.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { DESK, PHONE, accessible, adminToken, api, article, name, open, settled, shopper, signIn } from './support.mjs';

const TEA = new Uint8Array(readFileSync(new URL('../documents/tea.png', import.meta.url)));

async function pictured(more) {
  const made = await article(more);
  await api('POST', `/v1/articles/${made.id}/image`, TEA, await adminToken(), { 'content-type': 'image/png' });
  return made;
}

/** The boxes of elements within another, by their selectors. */
const boxes = (page, within, selectors) =>
  page.locator(within).first().evaluate(
    (element, selectors) => selectors.map((one) => element.querySelector(one).getBoundingClientRect().toJSON()),
    selectors,
  );

const apart = (a, b) => a.right <= b.left + 0.5 || b.right <= a.left + 0.5 || a.bottom <= b.top + 0.5 || b.bottom <= a.top + 0.5;

test('a basket holds together on a phone, and shows what is in it', async (t) => {
  const { page } = await open(t, { viewport: PHONE });
  const { username } = await shopper();
  const tea = await pictured({ name: `A tea with a name so long that it takes two lines of a phone ${name('x')}` });
  await signIn(page, username);
  await page.goto(`/articles/${tea.id}`);
  await page.getByRole('button', { name: 'Add to basket' }).click();
  await page.getByRole('link', { name: 'Go to the basket' }).click();
  await page.locator('.line .picture img').waitFor();
  for (const width of [PHONE.width, 320]) {
    await page.setViewportSize({ width, height: 800 });
    const [picture, what, quantity, total, remove] = await boxes(page, '.line', ['.picture', '.what', '.quantity', '.total', '.link']);
    const parts = { picture, what, quantity, total, remove };
    for (const [a, one] of Object.entries(parts)) {
      assert.ok(one.left >= 0 && one.right <= width, `${a} is on the page of ${width} px`);
      for (const [b, other] of Object.entries(parts)) assert.ok(a === b || apart(one, other), `${a} and ${b} at ${width} px`);
    }
    assert.ok(what.left >= picture.right && Math.abs(what.top - picture.top) < 4, 'the name stands beside the picture');
    assert.ok(Math.abs((quantity.top + quantity.bottom) / 2 - (total.top + total.bottom) / 2) < 4, 'how many and what they cost stand in a row');
    assert.ok(quantity.top >= what.bottom - 0.5, 'below the name');
  }
  await accessible(page, 'a basket with pictures');

  await page.getByRole('link', { name: 'Check out' }).click();
  await page.locator('.short .picture img').waitFor();
  await accessible(page, 'a checkout with pictures');
  await page.getByRole('main').getByRole('button', { name: /^Pay €/ }).click();
  await page.getByText('Thank you: it is paid').waitFor();
  await page.locator('.line .picture img').waitFor();
  await page.getByText('Your payment has arrived').waitFor();
  const told = await page.locator('.timeline').innerText();
  assert.match(told, /We have your order\.[^]*Your articles are set aside for you\.[^]*Your payment has arrived/);
  await page.goto('/orders');
  await page.locator('.orders .picture img').waitFor();
  await accessible(page, 'orders with pictures');
});

test('the search box fits its button', async (t) => {
  const { page } = await open(t);
  await page.goto('/');
  await settled(page);
  for (const viewport of [DESK, PHONE]) {
    await page.setViewportSize(viewport);
    const [input, button] = await boxes(page, '.search', ['input', 'button']);
    assert.ok(Math.abs(input.right - button.left) < 0.5, 'they touch');
    assert.deepEqual([input.top, input.bottom], [button.top, button.bottom]);
    const corners = await page.locator('.search input').evaluate((element) => {
      const { borderTopRightRadius, borderBottomRightRadius, borderRightWidth } = getComputedStyle(element);
      return [borderTopRightRadius, borderBottomRightRadius, borderRightWidth];
    });
    assert.deepEqual(corners, ['0px', '0px', '0px']);
  }
});

test('where there is nothing, a page says so, with its status', async (t) => {
  const { page } = await open(t, { expected: [/404/] });
  for (const path of ['/nowhere', '/v1/nowhere', '/articles/art_01h455vb4pex5vsknk084sn02q', '/account/nowhere']) {
    const response = await page.goto(path);
    assert.equal(response.status(), 404, path);
    await page.getByRole('heading', { level: 1, name: 'There is nothing here' }).waitFor();
  }
  await accessible(page, 'nothing here');
});

test('what somebody else wrote does not turn what stands beside it', async (t) => {
  const { page } = await open(t);
  const turned = await article({ name: `Tea \u202e${name('x')} 99.1 €` });
  await page.goto(`/?q=${encodeURIComponent('tea')}`);
  await page.goto('/');
  const card = page.locator(`.card a[href="/articles/${turned.id}"]`);
  await card.waitFor();
  for (const part of ['.name', '.price']) {
    assert.equal(await card.locator(part).evaluate((element) => getComputedStyle(element).unicodeBidi), 'isolate');
  }
});
