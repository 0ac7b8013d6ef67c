/**
 * One POST to a subscriber's HTTP endpoint. The address that a name resolves to is checked at the moment of connecting,
 * so that no subscription reaches into this machine or its network (SSRF) unless the operator allows it. Redirects are
 * not followed, and what the endpoint answers is not read.
 */

import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { RequestOptions } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { request as requestHttp } from '#base/node-http.ts';
import { isPublicAddress } from '#core/topic/public-address.ts';
import type { Attempt } from './attempt.ts';

export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
  readonly allowsPrivate: boolean;
}

const WAIT_MS_MAX = 15_000;

class Forbidden extends Error {
  override readonly name = 'Forbidden';
}

export async function post(given: Post): Promise<Attempt> {
  const url = new URL(given.url);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  // Names are checked when they are resolved; an address is not resolved.
  if (!given.allowsPrivate && isIP(host) !== 0 && !isPublicAddress(host)) return forbidden(host);
  try {
    const status = await send(url, given);
    if (status >= 200 && status < 300) return { isDelivered: true };
    const isPermanent = status >= 300 && status < 500 && status !== 429;
    return { isDelivered: false, isPermanent, reason: `the endpoint answered with status ${status}` };
  } catch (error) {
    if (given.signal.aborted) throw error;
    if (error instanceof Forbidden) return forbidden(error.message);
    return { isDelivered: false, isPermanent: false, reason: reasonOf(error) };
  }
}

function send(url: URL, given: Post): Promise<number> {
  const { headers, body, signal, allowsPrivate } = given;
  const options: RequestOptions = {
    method: 'POST',
    agent: false,
    headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    signal: AbortSignal.any([signal, AbortSignal.timeout(WAIT_MS_MAX)]),
    ...(allowsPrivate ? {} : { lookup: lookupPublic }),
  };
  return new Promise((done, fail) => {
    const open = url.protocol === 'https:' ? requestHttps : requestHttp;
    const request = open(url, options, (response) => {
      response.destroy();
      done(response.statusCode ?? 0);
    });
    request.once('error', fail);
    request.end(body);
  });
}

const lookupPublic: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, '', 0);
    const wrong = addresses.find(({ address }) => !isPublicAddress(address));
    const [first] = addresses;
    if (wrong || !first) return callback(new Forbidden(wrong?.address ?? hostname), '', 0);
    if (options.all) return callback(null, addresses);
    callback(null, first.address, first.family);
  });
};

function forbidden(address: string): Attempt {
  return {
    isDelivered: false,
    isPermanent: true,
    reason: `the address ${address} is not of the public internet; SLIPWAY_SNS_PRIVATE_ENDPOINTS=allow would allow it`,
  };
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'AbortError' || error.name === 'TimeoutError') {
    return `the endpoint did not answer within ${WAIT_MS_MAX / 1000} seconds`;
  }
  return error.message || (error as NodeJS.ErrnoException).code || error.name;
}
