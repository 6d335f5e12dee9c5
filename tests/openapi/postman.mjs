// Postman's way in: imports the document as Postman does, sets the two variables that a person sets (where the
// server is, and the token), and runs the collection with newman. Nothing else of it is changed.
//
//   postman.mjs DOCUMENT FOLDER     FEIRA_URL and FEIRA_ADMIN_PASSWORD say where and who
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const require = createRequire(import.meta.url);
const converter = require("openapi-to-postmanv2");
const newman = require("newman");

const [document, folder] = process.argv.slice(2);
const url = process.env.FEIRA_URL;
const told = JSON.parse(readFileSync(document, "utf8"));

/** What is chosen in Postman's import dialog: folders by tags, bodies from examples, optional parameters off. */
const settings = { folderStrategy: "Tags", parametersResolution: "Example", enableOptionalParameters: false };

/** Calls that end what the others stand on, and so come last: this one's session. */
const last = ["Ends the session of the caller's access token, at once and everywhere"];

const collection = await new Promise((resolve, reject) => {
  converter.convertV2({ type: "json", data: told }, settings, (error, result) => {
    if (error || !result.result) reject(error ?? new Error(result.reason));
    else resolve(result.output[0].data);
  });
});
writeFileSync(join(folder, "collection.json"), JSON.stringify(collection, null, 2));

const requests = [];
const walk = (items, folders) => {
  for (const item of items) item.item ? walk(item.item, [...folders, item.name]) : requests.push({ ...item, folders });
};
walk(collection.item, []);

// A person finds her way: a folder for each service, every call named by what it does.
const methods = ["get", "post", "put", "patch", "delete"];
const operations = Object.values(told.paths).flatMap((path) => methods.map((method) => path[method]).filter(Boolean));
assert.equal(requests.length, operations.length, "a request for each operation");
assert.deepEqual(new Set(requests.map((request) => request.folders[0])), new Set(told.tags.map((tag) => tag.name)));
assert.deepEqual(new Set(requests.map((request) => request.name)), new Set(operations.map((operation) => operation.summary)));
const secured = operations.filter((operation) => operation.security.length && operation.security[0].bearer).length;
assert.equal(requests.filter((request) => request.request.auth?.type === "bearer").length, secured, "calls that need a token have it");

// Does what running the collection does, with the calls that end everything put last.
const late = (item) => (item.item ? item.item.some(late) : last.includes(item.name));
// Newman waits for the end of an answer, which this one has when its token ends.
const isEndless = (item) => item.name.startsWith("Streams events from");
const order = (items) => [...items].filter((item) => !isEndless(item)).sort((one, other) => Number(late(one)) - Number(late(other))).map((item) => (item.item ? { ...item, item: order(item.item) } : item));
collection.item = order(collection.item);

const signedIn = await fetch(`${url}/v1/auth:signIn`, {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ login: "admin", password: process.env.FEIRA_ADMIN_PASSWORD }),
});
const { accessToken } = await signedIn.json();
const { orders } = await (await fetch(`${url}/v1/orders`, { headers: { authorization: `Bearer ${accessToken}` } })).json();
const values = { baseUrl: url, bearerToken: accessToken, id: orders[0].id };

/** Postman has no variable within a segment (`/{id}:cancel`), and makes one of the collection of it, for all calls. */
const shared = new Set(requests.filter((request) => JSON.stringify(request.request.url).includes("{{id}}")).map((request) => request.name));
/** What may be refused though it is as it should be: a password that is another one's, a file that was not chosen. */
const mayBeRefused = (name) => shared.has(name) || /^Changes a password|^Gives an article an image/.test(name);

const summary = await new Promise((resolve, reject) => {
  const options = {
    collection,
    envVar: Object.entries(values).map(([key, value]) => ({ key, value })),
    reporters: [],
    timeoutRequest: 20_000,
  };
  newman.run(options, (error, summary) => (error ? reject(error) : resolve(summary)));
});

// What came back: what the document says, and never a fault of the server.
const statuses = {};
const wrong = [];
for (const { item, response, requestError } of summary.run.executions) {
  const name = `${item.name}`;
  if (requestError || !response) {
    wrong.push(`${name}: ${requestError?.message}`);
    continue;
  }
  statuses[response.code] = (statuses[response.code] ?? 0) + 1;
  const operation = operations.find((operation) => operation.summary === item.name);
  const text = response.text();
  if (response.code >= 500) wrong.push(`${name}: ${response.code} ${text}`);
  else if (!operation.responses[response.code]) wrong.push(`${name}: ${response.code} is not documented`);
  else if (response.code >= 400) {
    const { error } = JSON.parse(text);
    if (error?.code !== response.code || !error.details[0]?.reason) wrong.push(`${name}: ${text}`);
    // The examples are requests as they should be: only that there is no such thing, or that the state of
    // things forbids it, may stand in their way.
    if ((error.details[0]?.reason === "VALIDATION" && !mayBeRefused(name)) || response.code === 415) wrong.push(`${name}: ${text}`);
  }
}
const { requests: sent } = summary.run.stats;
console.log(`newman: ${sent.total} requests, ${sent.failed} failed, ${JSON.stringify(statuses)}, ` +
  `${summary.run.timings.completed - summary.run.timings.started} ms`);
assert.deepEqual(wrong, []);
