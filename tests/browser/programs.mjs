// Programs that a file of tests starts for itself: shops of other settings, and what they talk to. They end with the tests.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after } from 'node:test';

const work = mkdtempSync(join(tmpdir(), 'feira-browser-'));
const running = [];
after(async () => {
  for (const child of running.reverse()) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  rmSync(work, { recursive: true, force: true });
});

/** Starts a program; the first line that it prints. */
export async function start(program, args, env = {}) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'ignore'] });
  running.push(child);
  for await (const line of createInterface({ input: child.stdout })) return line;
  throw new Error(`${program} ended`);
}

const data = ['--data-dir', join(work, 'data')];
let operator;

/** Starts a shop of its own; where it is. */
export async function startShop(args = [], env = {}) {
  const listen = [...data, '--rest-listen', '127.0.0.1:0', '--grpc-listen', '127.0.0.1:0'];
  const { ready } = JSON.parse(await start(process.env.FEIRA_PROGRAM, ['serve', ...listen, ...args], env));
  operator = ready.grpc;
  return ready.rest;
}

/** Makes an administrator as the shop's operator does; the password that is printed. */
export const printedPassword = (username) =>
  execFileSync(process.env.FEIRA_PROGRAM, ['admin', 'create', username, ...data, '--url', operator], { stdio: ['ignore', 'pipe', 'ignore'] })
    .toString()
    .trim();

/** A mail server that takes everything (RFC 5321, as much of it as there is to say). `take(address)` gives the next mail to it. */
export async function startMailServer() {
  const mails = [];
  const waiting = [];
  const look = () => {
    for (const one of [...waiting]) {
      const at = mails.findIndex(({ to }) => to === one.address);
      if (at < 0) continue;
      waiting.splice(waiting.indexOf(one), 1);
      one.done(mails.splice(at, 1)[0].text);
    }
  };
  const server = createServer((socket) => {
    const say = (line) => socket.write(`${line}\r\n`);
    let [to, text] = ['', undefined];
    createInterface({ input: socket }).on('line', (line) => {
      if (text !== undefined) {
        if (line !== '.') return void (text += `${line.replace(/^\./, '')}\n`);
        // Lines that are quoted-printable are whole again.
        mails.push({ to, text: text.replace(/=\n/g, '').replace(/=3D/g, '=') });
        text = undefined;
        say('250 taken');
        return look();
      }
      const word = line.slice(0, 4).toUpperCase();
      if (word === 'RCPT') to = line.match(/<(.*)>/)[1];
      if (word === 'DATA') text = '';
      return say({ DATA: '354 go on', QUIT: '221 bye', EHLO: '250 mail.test' }[word] ?? '250 fine');
    });
    socket.on('error', () => {});
    say('220 mail.test');
  });
  await new Promise((listens) => server.listen(0, '127.0.0.1', listens));
  after(() => server.close());
  const take = (address) =>
    new Promise((done) => {
      waiting.push({ address, done });
      look();
    });
  return { url: `smtp://127.0.0.1:${server.address().port}`, take };
}
