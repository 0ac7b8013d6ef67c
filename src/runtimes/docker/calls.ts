/**
 * Calls to a Docker Engine over its socket. The client library is loaded with the first one, so a server that never
 * sees an image never pays for it. Every call has a time limit, and what is not success is an `EngineError` with the
 * engine's own words.
 */

import type { IncomingMessage } from 'node:http';
import type DockerModem from 'docker-modem';

const CALL_MS_MAX = 60_000;
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

export interface Caller {
  /** The whole answer. */
  ask<Answer>(call: Call): Promise<Answer>;
  /** The answer as it comes. */
  follow(call: Call, read: (stream: IncomingMessage) => Promise<void>): Promise<void>;
}

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
}

/** What the engine said; `status` is absent when it could not be asked. */
export class EngineError extends Error {
  override readonly name = 'EngineError';
  readonly status: number | undefined;

  constructor(message: string, status: number | undefined, cause: unknown) {
    super(message, { cause });
    this.status = status;
  }
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly ok: readonly number[];
  readonly signal?: AbortSignal | undefined;
  readonly credentials?: RegistryCredentials | undefined;
}

export function createCaller(socketPath: string): Caller {
  let modem: Promise<DockerModem> | undefined;
  const open = async (call: Call) => dial(await (modem ??= openModem(socketPath)), socketPath, call);
  return {
    ask: async <Answer>(call: Call) =>
      (await told(socketPath, call, async () => readAnswer(await open(call)))) as Answer,
    follow: (call, read) => told(socketPath, call, async () => read(await open(call))),
  };
}

/** `undefined` where the engine answers with one of these statuses. */
export async function absent<Answer>(
  asked: Promise<Answer>,
  ...statuses: readonly number[]
): Promise<Answer | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof EngineError && statuses.includes(error.status ?? 0)) return undefined;
    throw error;
  }
}

/** The library prints every request, credentials included, when the environment of the server asks for that. */
async function openModem(socketPath: string): Promise<DockerModem> {
  const wanted = process.env['DEBUG'];
  delete process.env['DEBUG'];
  try {
    const { default: Modem } = await import('docker-modem');
    return new Modem({ socketPath, protocol: 'http', host: undefined });
  } finally {
    if (wanted !== undefined) process.env['DEBUG'] = wanted;
  }
}

/**
 * The answer is read by ourselves: of one that breaks off the library would say nothing, neither good nor bad.
 */
function dial(modem: DockerModem, socketPath: string, call: Call): Promise<IncomingMessage> {
  const { method, query = {}, body = {}, credentials } = call;
  return new Promise((resolve, reject) => {
    modem.dial(
      {
        path: `${call.path}?`,
        method,
        options: { _query: query, _body: body },
        statusCodes: Object.fromEntries(call.ok.map((status) => [status, true])),
        isStream: true,
        abortSignal: call.signal ?? AbortSignal.timeout(CALL_MS_MAX),
        ...(credentials ? { authconfig: { ...credentials } } : {}),
      },
      (error, result) =>
        error ? reject(engineError(socketPath, call, error)) : resolve(result as IncomingMessage),
    );
  });
}

/** What breaks while an answer is read is told like what breaks before. */
async function told<Answer>(socketPath: string, call: Call, read: () => Promise<Answer>): Promise<Answer> {
  try {
    return await read();
  } catch (error) {
    throw error instanceof EngineError ? error : engineError(socketPath, call, error as Error);
  }
}

function engineError(socketPath: string, call: Call, error: Error): Error {
  const { statusCode } = error as { statusCode?: number };
  if (statusCode !== undefined) {
    // The library puts its own words before those of the engine.
    const said = error.message.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim();
    return new EngineError(said, statusCode, error);
  }
  const reason: unknown = call.signal?.aborted ? call.signal.reason : undefined;
  if (reason instanceof Error && reason.name !== 'TimeoutError') return reason;
  return new EngineError(
    `the Docker Engine at ${socketPath} cannot be asked: ${(reason instanceof Error ? reason : error).message}`,
    undefined,
    error,
  );
}

async function readAnswer(stream: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of stream as AsyncIterable<Buffer>) {
    parts.push(part);
    length += part.length;
    if (length > ANSWER_BYTES_MAX) throw new Error(`it answered more than ${ANSWER_BYTES_MAX} bytes`);
  }
  const text = Buffer.concat(parts).toString();
  return text.trim() === '' ? undefined : JSON.parse(text);
}
