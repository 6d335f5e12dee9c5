// How much the first view weighs, and when the shop can be used. With FEIRA_URL it measures any running shop:
//   FEIRA_URL=http://127.0.0.1:8080 FEIRA_BROWSER_TOOLS=target/test-tools/browser node --test tests/browser/weight.test.mjs

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { PHONE, open } from './support.mjs';

/** What the page itself may weigh, compressed, without pictures and answers of the API. */
const MOST_BYTES = 40_000;
const MOST_REQUESTS = 16;

async function firstView(page, context) {
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  const urls = new Map();
  const sums = { page: [0, 0], api: [0, 0], pictures: [0, 0] };
  session.on('Network.requestWillBeSent', ({ requestId, request }) => urls.set(requestId, new URL(request.url).pathname));
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const path = urls.get(requestId);
    const sum = sums[!path.startsWith('/v1') ? 'page' : path.endsWith('/image') ? 'pictures' : 'api'];
    sum[0] += 1;
    sum[1] += encodedDataLength;
  });
  await page.goto('/');
  await page.locator('.grid a').first().waitFor();
  const usable = await page.evaluate(() => Math.round(performance.getEntriesByName('feira.usable')[0].startTime));
  await page.waitForLoadState('networkidle');
  return { sums, usable };
}

test('the first view is light, and the second lighter', async (t) => {
  const { page, context } = await open(t, { viewport: PHONE });
  const first = await firstView(page, context);
  const tell = ({ sums, usable }) =>
    `usable after ${usable} ms; ${Object.entries(sums).map(([what, [count, bytes]]) => `${what}: ${count} requests, ${bytes} bytes`).join('; ')}`;
  t.diagnostic(`first view: ${tell(first)}`);
  const [requests, bytes] = first.sums.page;
  assert.ok(bytes < MOST_BYTES, `${bytes} bytes`);
  assert.ok(requests <= MOST_REQUESTS, `${requests} requests`);
  const again = await context.newPage();
  const second = await firstView(again, context);
  t.diagnostic(`once more: ${tell(second)}`);
  assert.ok(second.sums.page[1] < 2_000, 'the files are kept, and only the page itself is asked for again');
});
