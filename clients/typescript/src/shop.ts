// A small client of Feira over gRPC: deadlines, tokens, errors with their details, safe retries, live orders.
// Copy it and make it yours. `npm run generate` makes the types from the contracts; what is called is read from
// the same contracts at start.

import { randomUUID } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Client, Metadata, credentials, loadPackageDefinition, status, type ServiceError } from '@grpc/grpc-js';
import { loadSync, type MethodDefinition } from '@grpc/proto-loader';

import type { ProtoGrpcType as Articles } from '../gen/article.js';
import type { ProtoGrpcType as Details } from '../gen/error_details.js';
import type { ProtoGrpcType as Orders } from '../gen/order.js';
import type { ProtoGrpcType as Payments } from '../gen/payment.js';
import type { ProtoGrpcType as Statuses } from '../gen/status.js';
import type { ProtoGrpcType as Users } from '../gen/user.js';
import type { OrderEvent__Output as OrderEvent } from '../gen/feira/order/v1/OrderEvent.js';
import type { Money, Money__Output } from '../gen/google/type/Money.js';

// Where package.json is: this file runs as dist/src/shop.js.
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const files = ['user', 'article', 'order', 'payment'].map((name) => `feira/${name}/v1/${name}.proto`);
const definition = loadSync([...files, 'google/rpc/status.proto', 'google/rpc/error_details.proto'], {
  includeDirs: [resolve(root, '../../proto')],
  // As the types are generated: 64-bit numbers as text, since a JavaScript number cannot hold them all.
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
});
const { feira, google } = loadPackageDefinition(definition) as unknown as Users &
  Articles &
  Orders &
  Payments &
  Statuses &
  Details;

// What can be called.
export const users = feira.user.v1.UserService.service;
export const auth = feira.user.v1.AuthService.service;
export const articles = feira.article.v1.ArticleService.service;
export const stock = feira.article.v1.StockService.service;
export const orders = feira.order.v1.OrderService.service;
export const payments = feira.payment.v1.PaymentService.service;

// How long a call may take, in milliseconds; a server never waits longer than its caller.
const DEADLINE = 10_000;

// A method of these, by what it takes and what it answers.
export type Method<Q, A> = MethodDefinition<Q, any, any, A>;

export interface How {
  key?: string;
  deadline?: number;
}

/** Why a call was refused: the status, and what its details say. */
export class Problem {
  /** What a program decides by, such as OUT_OF_STOCK, and what belongs to it, such as `article_id`. */
  reason = '';
  metadata: Record<string, string> = {};
  /** Of INVALID_ARGUMENT: each bad field, by its path (`lines[0].quantity`), and what is wrong with it. */
  fields: Record<string, string> = {};
  /** Milliseconds after which to ask again, where the server knows. */
  retryAfter: number | undefined;

  private constructor(
    readonly code: status,
    readonly message: string,
  ) {}

  /** Reads an error of grpc-js; some, such as a deadline, have no details. Other errors are thrown on. */
  static of(error: unknown): Problem {
    if (!(error instanceof Error && 'code' in error && 'metadata' in error)) throw error;
    const { code, details, metadata } = error as ServiceError;
    const problem = new Problem(code, details);
    const [encoded] = metadata.get('grpc-status-details-bin');
    if (!(encoded instanceof Buffer)) return problem;
    for (const detail of google.rpc.Status.deserialize(encoded).details) {
      const { type_url, value } = detail as unknown as { type_url: string; value: Buffer };
      switch (type_url.split('/').pop()) {
        case 'google.rpc.ErrorInfo': {
          const info = google.rpc.ErrorInfo.deserialize(value);
          problem.reason = info.reason;
          problem.metadata = info.metadata;
          break;
        }
        case 'google.rpc.BadRequest': {
          const bad = google.rpc.BadRequest.deserialize(value).fieldViolations;
          problem.fields = Object.fromEntries(bad.map((it) => [it.field, it.description]));
          break;
        }
        case 'google.rpc.RetryInfo': {
          const { retryDelay } = google.rpc.RetryInfo.deserialize(value);
          if (retryDelay) problem.retryAfter = Number(retryDelay.seconds) * 1000 + retryDelay.nanos / 1e6;
          break;
        }
      }
    }
    return problem;
  }

  /** Whether the call may succeed if it is made again with its idempotency key. */
  passes(): boolean {
    const lost = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED];
    return lost.includes(this.code) || this.reason === 'IDEMPOTENCY_IN_PROGRESS';
  }
}

/** Every service, as one caller. */
export class Shop {
  private constructor(
    private readonly client: Client,
    private readonly token?: string,
  ) {}

  /** The shop at HOST:PORT, as anybody. Beyond your own machine use credentials.createSsl(). */
  static connect(address: string): Shop {
    return new Shop(new Client(address, credentials.createInsecure()));
  }

  /** The same shop as this user. The token lives ten minutes; `tokens.refreshToken` gets the next. */
  async signIn(login: string, password: string) {
    const tokens = await this.call(auth.SignIn, { login, password });
    return { shop: new Shop(this.client, tokens.accessToken), tokens };
  }

  /** Calls once: `shop.call(orders.GetOrder, { id })`. */
  async call<Q, A>(method: Method<Q, A>, request: NoInfer<Q>, how: How = {}): Promise<A> {
    return (await this.once(method, request, how)).answer;
  }

  /**
   * Calls, and calls again as long as the outcome is not known: its idempotency key makes that harmless. Answers
   * also whether it is the answer to an earlier call with this key.
   */
  async safely<Q, A>(method: Method<Q, A>, request: NoInfer<Q>, how: How = {}, patience = 60_000) {
    const key = how.key ?? randomUUID();
    const end = Date.now() + patience;
    for (let pause = 200; ; pause = Math.min(2 * pause, 5_000)) {
      try {
        return await this.once(method, request, { ...how, key });
      } catch (error) {
        const problem = Problem.of(error);
        const wait = problem.retryAfter ?? pause * (0.5 + Math.random() / 2);
        if (!problem.passes() || Date.now() + wait > end) throw error;
        await sleep(wait);
      }
    }
  }

  /**
   * An order's events as they happen, from the one after `after`; ends after a final state. Goes on where it was
   * when the connection is lost.
   */
  async *watch(id: string, { after = '0', deadline }: { after?: string; deadline?: number } = {}) {
    const { path, requestSerialize, responseDeserialize } = orders.WatchOrder;
    for (;;) {
      const options = deadline === undefined ? {} : { deadline: Date.now() + deadline };
      const request = { id, afterSequence: after };
      const stream = this.client.makeServerStreamRequest(
        path, requestSerialize, responseDeserialize, request, this.metadata(), options,
      );
      try {
        for await (const event of stream as AsyncIterable<OrderEvent>) {
          after = event.sequence;
          yield event;
        }
        return;
      } catch (error) {
        if (Problem.of(error).code !== status.UNAVAILABLE) throw error;
        await sleep(1_000);
      } finally {
        // Whoever stops reading early tells the server so.
        stream.on('error', () => {}).cancel();
      }
    }
  }

  close(): void {
    this.client.close();
  }

  private once<Q, A>(method: Method<Q, A>, request: Q, { key, deadline = DEADLINE }: How) {
    return new Promise<{ answer: A; replayed: boolean }>((done, failed) => {
      let replayed = false;
      const call = this.client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.metadata(key),
        { deadline: Date.now() + deadline },
        (error, answer) => (error ? failed(error) : done({ answer: answer as A, replayed })),
      );
      call.on('metadata', (metadata: Metadata) => {
        replayed = metadata.get('idempotency-replayed')[0] === 'true';
      });
    });
  }

  private metadata(key?: string): Metadata {
    const metadata = new Metadata();
    if (this.token) metadata.set('authorization', `Bearer ${this.token}`);
    if (key) metadata.set('idempotency-key', key);
    return metadata;
  }
}

/** Money is exact: whole units, and billionths of one. */
export function euros(cents: number): Money {
  return { currencyCode: 'EUR', units: String(Math.trunc(cents / 100)), nanos: (cents % 100) * 10_000_000 };
}

export function shown(money: Money__Output | null): string {
  if (!money) return 'no price';
  return `${money.units}.${String(money.nanos / 10_000_000).padStart(2, '0')} ${money.currencyCode}`;
}
