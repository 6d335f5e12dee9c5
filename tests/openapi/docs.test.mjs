// The page at /docs in a real browser: it loads nothing from elsewhere, signs in, calls, and shows the call as curl.
//
// Covers: mesh.docs.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createRequire } from "node:module";

// The tools stand elsewhere (NODE_PATH), as they are installed only to test.
const { chromium } = createRequire(import.meta.url)("playwright-core");

const url = process.env.FEIRA_URL;
const flags =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking " +
  "--disable-component-update --disable-sync";
let browser;

before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags.split(" ") });
});
after(() => browser?.close());

/** The page, loaded, and everything that it did wrong so far. */
async function open() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1000 } });
  // A slow machine is no failure.
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  const wrong = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) wrong.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrong.push(`exception: ${error.message}`));
  page.on("request", (request) => {
    const to = new URL(request.url());
    if (!["data:", "blob:"].includes(to.protocol) && to.origin !== url) wrong.push(`left the origin: ${to}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  await page.goto(`${url}/docs`);
  await page.locator("#sign-in button").waitFor();
  await page.locator(".opblock").first().waitFor();
  return { page, wrong };
}

async function signIn(page, password) {
  await page.locator("#sign-in input[name=login]").fill("admin");
  await page.locator("#sign-in input[name=password]").fill(password);
  await page.locator("#sign-in button").click();
}

/** Opens an operation, and calls it with what stands in its fields. */
async function call(page, operation) {
  const block = page.locator(`.opblock[id$="-${operation}"]`);
  await block.locator(".opblock-summary-control").click();
  await block.getByRole("button", { name: "Execute" }).click();
  await block.locator(".live-responses-table tbody .response-col_status").first().waitFor();
  return block;
}

test("it shows every operation and loads nothing from elsewhere", async () => {
  const { page, wrong } = await open();
  const told = await (await fetch(`${url}/openapi.json`)).json();
  const methods = ["get", "post", "put", "patch", "delete"];
  const operations = Object.values(told.paths).flatMap((path) => methods.filter((method) => path[method]));
  assert.equal(await page.locator(".opblock").count(), operations.length);
  assert.deepEqual(wrong, []);
});

test("who has not signed in is told so", async () => {
  const { page, wrong } = await open();
  const refused = await call(page, "UserService_ListUsers");
  assert.match(await refused.locator(".live-responses-table tbody .response-col_status").first().innerText(), /401/);
  assert.deepEqual(wrong.filter((line) => !line.includes("401")), []);
});

test("signing in lets calls through, and each is shown as curl", async () => {
  const { page, wrong } = await open();
  await signIn(page, process.env.FEIRA_ADMIN_PASSWORD);
  await page.getByText("Signed in as admin").waitFor();
  const block = await call(page, "UserService_ListUsers");
  assert.match(await block.locator(".live-responses-table tbody .response-col_status").first().innerText(), /200/);
  assert.match(await block.locator(".live-responses-table tbody .response-col_description").first().innerText(), /"username": "admin"/);
  const curl = await block.locator(".request-snippets, .curl-command").first().innerText();
  assert.match(curl, /curl -X 'GET'/);
  assert.match(curl, new RegExp(`${url}/v1/users`));
  assert.match(curl, /Authorization: Bearer ey/);

  // Nothing that lets anybody in is left behind.
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.ok(!kept.includes("ey"), kept);

  await page.locator("#sign-in button").click();
  await page.locator("#sign-in input[name=login]").waitFor();
  assert.deepEqual(wrong, []);
});

test("a call with a body has one that can be sent as it is", async () => {
  const { page, wrong } = await open();
  await signIn(page, process.env.FEIRA_ADMIN_PASSWORD);
  await page.getByText("Signed in as admin").waitFor();
  const block = await call(page, "ArticleService_CreateArticle");
  assert.match(await block.locator(".live-responses-table tbody .response-col_status").first().innerText(), /201/);
  assert.deepEqual(wrong, []);
});

test("a wrong password is told, and signs nobody in", async () => {
  const { page, wrong } = await open();
  await signIn(page, "not the password");
  await page.locator("#sign-in output.failed").waitFor();
  assert.equal(await page.locator("#sign-in input[name=password]").inputValue(), "");
  assert.equal(await page.locator("#sign-in button").innerText(), "Sign in");
  // The browser itself notes the 401.
  assert.deepEqual(wrong.filter((line) => !line.includes("401")), []);
});
