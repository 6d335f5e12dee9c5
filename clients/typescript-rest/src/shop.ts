// What a program needs of Feira over REST: a typed client, whoever is signed in, and failures as exceptions.
import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./feira.js";

export type Schemas = components["schemas"];
export type Shop = Client<paths>;

/** A refused or failed call, with what programs can act on. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly error: Schemas["Error"]["error"],
  ) {
    super(`${status} ${error.status}: ${error.message}`);
  }

  /** Which failure it is: `OUT_OF_STOCK`, `VALIDATION`, … */
  get reason(): string | undefined {
    return this.error.details[0]?.reason;
  }

  /** The fields that were wrong, by their paths in the contract: `lines[0].quantity`. */
  get fields(): string[] {
    return this.error.details.flatMap((detail) => detail.fieldViolations ?? []).map((violation) => violation.field ?? "");
  }
}

/** The shop as everybody sees it, or as whoever has this access token. */
export function shop(url: string, accessToken?: string): Shop {
  const headers = accessToken ? { authorization: `Bearer ${accessToken}` } : {};
  return createClient<paths>({ baseUrl: url, headers });
}

/** Signs in; the token is good for ten minutes (`auth:refresh` gives the next one). */
export async function signIn(url: string, login: string, password: string): Promise<Shop> {
  const tokens = good(await shop(url).POST("/v1/auth:signIn", { body: { login, password } }));
  return shop(url, tokens.accessToken);
}

/** The answer of a call that went well; a Refused otherwise. */
export function good<T>(result: { data?: T; error?: Schemas["Error"]; response: Response }): T {
  if (result.error !== undefined) throw new Refused(result.response.status, result.error.error);
  return result.data as T;
}

/** The lines of a stream (NDJSON), each as soon as it is there. */
export async function* lines<T>(body: ReadableStream<Uint8Array> | null | undefined): AsyncGenerator<T> {
  if (!body) return;
  let rest = "";
  for await (const chunk of body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    for (const line of parts.filter(Boolean)) {
      const { result, error } = JSON.parse(line) as { result?: T; error?: Schemas["Error"]["error"] };
      if (error) throw new Refused(error.code, error);
      if (result !== undefined) yield result;
    }
  }
}
