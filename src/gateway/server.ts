/**
 * HTTP itself: one listening socket with a limit on everything a client can make long, large or slow. It knows routes
 * and answers, and nothing of AWS. A client that waits for `100 Continue` gets it only when its body is wanted.
 */

import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { assert } from '#base/assert.ts';
import type { Clock } from '#base/clock.ts';
import { createServer, nodeHttps } from '#base/node-http.ts';
import type { Log } from '#base/log.ts';
import type { Route } from '#services/service.ts';
import type { HttpAnswer, HttpRequest } from '#wire/http.ts';
import { plainAddress } from './origins.ts';
import type { Exchange } from './exchange.ts';

export interface ServerParts {
  readonly log: Log;
  readonly clock: Clock;
  readonly limits: DoorLimits;
  /** Without it the door speaks plain HTTP. */
  readonly tls?: TlsIdentity | undefined;
  /** Asked at every request, since rooms come later. */
  readonly routes: () => readonly Route[];
  readonly handle: (exchange: Exchange) => Promise<HttpAnswer>;
}

/** Who the door proves to be: PEM texts; the certificate comes first in its chain. */
export interface TlsIdentity {
  readonly certificate: string;
  readonly key: string;
}

export interface HttpDoor {
  listen(host: string, port: number): Promise<{ readonly url: string }>;
  /** New connections meet this identity; those that stand go on. Only for a door that speaks TLS. */
  renewTls(identity: TlsIdentity): void;
  /** Takes no new connection, lets running requests end for up to `graceMs`, then closes the rest. */
  close(graceMs: number): Promise<void>;
}

export interface DoorLimits {
  readonly headersMs: number;
  readonly keepAliveMs: number;
  /** A connection on which nothing moves at all; above the longest poll that we answer. */
  readonly stillMs: number;
  readonly connectionsMax: number;
}

export const doorLimits: DoorLimits = {
  headersMs: 20_000,
  keepAliveMs: 65_000,
  stillMs: 300_000,
  connectionsMax: 4096,
};

const HEADER_BYTES_MAX = 64 * 1024;
const HEADERS_MAX = 300;
/** How often Node looks for connections that are over their time. */
const CHECK_MS_MAX = 2_000;
const REQUESTS_PER_CONNECTION_MAX = 100_000;
/** After an answer that did not want the body: how much of it we still read so that the client sees the answer. */
const DRAIN_BYTES_MAX = 1024 * 1024;
const DRAIN_MS_MAX = 2_000;
const HOST_FORM = /^(?:[A-Za-z0-9._-]{1,255}|\[[0-9a-fA-F:.]{2,45}\])(?::\d{1,5})?$/;

export function createDoor(parts: ServerParts): HttpDoor {
  const { limits, tls } = parts;
  const options = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: limits.headersMs,
    // Pushes and uploads may take their time; whoever reads a body watches that it moves.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveMs,
    connectionsCheckingInterval: Math.min(CHECK_MS_MAX, limits.headersMs / 4),
    noDelay: true,
  };
  const server = tls
    ? nodeHttps().createServer({ ...options, cert: tls.certificate, key: tls.key, minVersion: 'TLSv1.2' })
    : createServer(options);
  server.timeout = limits.stillMs;
  server.maxHeadersCount = 0;
  server.maxConnections = limits.connectionsMax;
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX;
  let isClosing = false;
  const take = (message: IncomingMessage, response: ServerResponse, proceed: () => void) => {
    if (isClosing) response.shouldKeepAlive = false;
    serve(parts, message, response, proceed).catch((error: unknown) => {
      parts.log.error('a request failed outside of its handling', { error });
      response.destroy();
    });
  };
  server.on('request', (message, response) => take(message, response, () => {}));
  server.on('checkContinue', (message, response) => {
    let isAsked = false;
    take(message, response, () => {
      if (!isAsked) response.writeContinue();
      isAsked = true;
    });
  });
  server.on('clientError', refuseUnreadable);

  return {
    listen: (host, port) => listen(server, tls ? 'https' : 'http', host, port),
    renewTls({ certificate, key }) {
      assert('setSecureContext' in server, 'a door of plain HTTP has no certificate');
      server.setSecureContext({ cert: certificate, key, minVersion: 'TLSv1.2' });
    },
    async close(graceMs) {
      isClosing = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const cancel = parts.clock.callAt(parts.clock.now() + graceMs, () => server.closeAllConnections());
      await closed;
      cancel();
    },
  };
}

function listen(
  server: Server,
  scheme: 'http' | 'https',
  host: string,
  port: number,
): Promise<{ readonly url: string }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      const address = server.address() as AddressInfo;
      resolve({ url: `${scheme}://${host.includes(':') ? `[${host}]` : host}:${address.port}` });
    });
  });
}

async function serve(
  parts: ServerParts,
  message: IncomingMessage,
  response: ServerResponse,
  proceed: () => void,
): Promise<void> {
  const target = message.url ?? '/';
  if (message.rawHeaders.length / 2 > HEADERS_MAX) {
    return send(message, response, plain(431, 'Too many header fields.'), parts.clock);
  }
  const headers = readHeaders(message.rawHeaders);
  const host = headers['host'] ?? '';
  if (!target.startsWith('/') || !HOST_FORM.test(host)) {
    return send(message, response, plain(400, 'The request line or the host is malformed.'), parts.clock);
  }
  const route = parts.routes().find((each) => target.startsWith(each.prefix));
  if (route) {
    proceed();
    return serveRoute(parts, route, message, response);
  }
  const done: (() => void)[] = [];
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
    for (const run of done) run();
  });
  const secure = 'encrypted' in message.socket;
  const answer = await parts.handle({
    request: { method: message.method ?? 'GET', target, headers, rawHeaders: message.rawHeaders, secure },
    body: { message, proceed, onDone: (run) => void done.push(run) },
    address: plainAddress(message.socket.remoteAddress),
    endpoint: `${secure ? 'https' : 'http'}://${host}`,
    signal: gone.signal,
  });
  send(message, response, answer, parts.clock);
}

async function serveRoute(
  parts: ServerParts,
  route: Route,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    await route.handle(message, response);
  } catch (error) {
    parts.log.error('a route failed', { prefix: route.prefix, error });
    if (response.headersSent) response.destroy();
    else send(message, response, plain(500, 'Internal failure.'), parts.clock);
  }
}

function send(message: IncomingMessage, response: ServerResponse, answer: HttpAnswer, clock: Clock): void {
  const { status, headers, body } = answer;
  if (response.destroyed) {
    if (body instanceof Readable) body.destroy();
    return;
  }
  // The time by which signatures are judged: clients correct their own clocks by it.
  response.setHeader('date', new Date(clock.now()).toUTCString());
  if (!message.complete) {
    response.shouldKeepAlive = false;
    response.once('finish', () => drain(message, clock));
  }
  if (body instanceof Readable) {
    response.writeHead(status, headers);
    if (message.method === 'HEAD') {
      body.destroy();
      response.end();
    } else {
      // When the source fails the connection is cut, so that nobody takes a part for the whole.
      pipeline(body, response, () => {});
    }
    return;
  }
  const length = body?.length ?? 0;
  const isBare = message.method === 'HEAD' || status === 204 || status === 304;
  response.writeHead(
    status,
    isBare || 'content-length' in headers ? headers : { ...headers, 'content-length': length },
  );
  response.end(isBare ? undefined : body);
}

/** Reads a bounded rest of a body that nobody wanted, then closes. */
function drain(message: IncomingMessage, clock: Clock): void {
  const { socket } = message;
  let bytes = 0;
  const cancel = clock.callAt(clock.now() + DRAIN_MS_MAX, () => socket.destroy());
  message.once('close', cancel);
  message.on('data', (part: Buffer) => {
    bytes += part.length;
    if (bytes > DRAIN_BYTES_MAX) socket.destroy();
  });
  message.resume();
}

/** Lower-case names, repeated ones joined with a comma. */
function readHeaders(raw: readonly string[]): HttpRequest['headers'] {
  const headers: Record<string, string> = Object.create(null);
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase();
    const value = raw[i + 1]!;
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before},${value}`;
  }
  return headers;
}

function plain(status: number, text: string): HttpAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: Buffer.from(`${text}\n`) };
}

/** What Node could not read as HTTP: one short answer, then the connection ends. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
