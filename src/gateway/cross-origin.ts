/**
 * Pages of other origins (CORS): a browser asks before some requests (OPTIONS, without a signature), and reads of every
 * answer whether its page may see it. Object storage alone has rules about it; nothing else is for browsers.
 */

import { fault } from '#base/fault.ts';
import type { HttpAnswer, HttpRequest } from '#wire/http.ts';
import { bucketOfRequest } from '#wire/router.ts';
import type { Rooms } from './rooms.ts';

/** Header names that one preflight may ask for. */
const NAMES_MAX = 200;

export interface CrossOriginDoor {
  /** Throws the refusal. */
  preflight(request: HttpRequest): Promise<HttpAnswer>;
  /** What to add to the answer of any other request. */
  headersFor(request: HttpRequest): Promise<Readonly<Record<string, string>>>;
}

export function createCrossOriginDoor(rooms: Rooms, bucketHosts: readonly string[]): CrossOriginDoor {
  return {
    async preflight(request) {
      const { origin, 'access-control-request-method': method } = request.headers;
      const names = request.headers['access-control-request-headers'] ?? '';
      if (!origin) throw insufficient('Origin request header needed.');
      if (!method) throw insufficient('Access-Control-Request-Method request header needed.');
      const headers = names.split(',', NAMES_MAX + 1).flatMap((name) => name.trim() || []);
      if (headers.length > NAMES_MAX) throw insufficient('Too many Access-Control-Request-Headers.');
      const bucket = bucketOfRequest(request, bucketHosts) ?? '';
      const verdict = await rooms.crossOrigin?.({ bucket, origin, method, headers });
      if (!verdict?.isEnabled) throw refused('CORS is not enabled for this bucket.');
      if (!verdict.headers) {
        throw refused('No rule of the bucket allows this origin with this method and these headers.');
      }
      return { status: 200, headers: { ...verdict.headers, 'content-length': '0' }, body: undefined };
    },
    async headersFor(request) {
      const { origin } = request.headers;
      if (!origin) return {};
      const bucket = bucketOfRequest(request, bucketHosts);
      if (bucket === undefined) return {};
      return (await rooms.crossOrigin?.({ bucket, origin, method: request.method }))?.headers ?? {};
    },
  };
}

function insufficient(what: string) {
  return fault('BadRequest', `Insufficient information. ${what}`, { status: 400 });
}

function refused(why: string) {
  return fault('AccessForbidden', `CORSResponse: ${why}`, { status: 403 });
}
