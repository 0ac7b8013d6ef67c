/**
 * A small client for the awsJson services, for programs of ours that run outside the server (agent, command line).
 * It signs, sends, and turns error answers into faults. Retries are the caller's decision.
 */

import { Fault } from '#base/fault.ts';
import { type SigningCredentials, signRequest } from './sign.ts';

export interface JsonClientOptions {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: SigningCredentials;
  /** `codepipeline` */
  readonly signingName: string;
  /** `CodePipeline_20150709` */
  readonly targetPrefix: string;
  /** How long one call may take. */
  readonly timeoutMs: number;
}

export interface JsonClient {
  /** Throws a `Fault` for an error answer, and the connection's error when there is no answer. */
  send(operation: string, input: object, signal?: AbortSignal): Promise<Record<string, unknown>>;
}

const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

export function createJsonClient(options: JsonClientOptions): JsonClient {
  const url = new URL('/', options.endpoint);
  return {
    async send(operation, input, signal) {
      const body = JSON.stringify(input);
      const headers = signRequest(
        {
          method: 'POST',
          url,
          headers: {
            'content-type': 'application/x-amz-json-1.1',
            'x-amz-target': `${options.targetPrefix}.${operation}`,
          },
          body,
        },
        { service: options.signingName, region: options.region },
        options.credentials,
        Date.now(),
      );
      const timeout = AbortSignal.timeout(options.timeoutMs);
      const answer = await fetch(url, {
        method: 'POST',
        headers,
        body,
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      });
      const text = await answer.text();
      if (text.length > ANSWER_BYTES_MAX) throw new Error(`${operation} answered ${text.length} bytes`);
      const members = parseMembers(text);
      if (answer.ok) return members;
      const code = String(members['__type'] ?? `Http${answer.status}`).replace(/^.*#/, '');
      throw new Fault(code, String(members['message'] ?? members['Message'] ?? answer.statusText), {
        status: answer.status,
      });
    },
  };
}

function parseMembers(text: string): Record<string, unknown> {
  if (text === '') return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new Error('The server did not answer JSON. Is the endpoint a Slipway server?', { cause });
  }
}
