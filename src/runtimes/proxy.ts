/**
 * The way out of a build's network: an HTTP proxy that lives in the server and is entered only through a socket inside
 * the build's own namespace, so whoever comes is that build. CONNECT for everything encrypted, whole URLs for plain
 * HTTP. It keeps nothing, looks into nothing, and asks the operator's rules before it resolves a name.
 */

import { createServer, request as httpRequest } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { pipeline, type Duplex } from 'node:stream';
import { chooseDestination, type EgressRule } from './egress.ts';

export interface Proxy {
  /** Serves a connection that was accepted elsewhere. */
  take(socket: Socket): void;
  close(): void;
}

/** As many as a package manager opens at once, and then some. */
export const CONNECTIONS_MAX = 512;
const CONNECT_MS_MAX = 15_000;
/** A connection on which nothing moves. */
const STILL_MS_MAX = 10 * 60_000;
const HEADER_BYTES_MAX = 64 * 1024;
/** What concerns one connection only, and not the one behind it. */
const HOP_HEADERS = ['connection', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'te', 'upgrade'];

export function createProxy(rules: readonly EgressRule[]): Proxy {
  const open = new Set<Duplex>();
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX, requestTimeout: 0 });
  server.on('request', (request, response) => {
    forward(rules, request, response).catch((error: Error) => refuse(response, 502, error.message));
  });
  server.on('connect', (request, socket, head) => {
    tunnel(rules, request, socket as Socket, head).catch((error: Error) =>
      answer(socket, '502 Bad Gateway', error.message),
    );
  });
  server.on('clientError', (_error, socket) =>
    answer(socket, '400 Bad Request', 'This is a proxy for HTTP.'),
  );
  return {
    take(socket) {
      if (open.size >= CONNECTIONS_MAX) return void socket.destroy();
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      socket.on('error', () => socket.destroy());
      socket.setTimeout(STILL_MS_MAX, () => socket.destroy());
      server.emit('connection', socket);
    },
    close() {
      for (const socket of open) socket.destroy();
    },
  };
}

/** Joins two sockets until either ends or fails. */
export function join(a: Socket, b: Socket): void {
  const still = () => a.destroy();
  a.setTimeout(STILL_MS_MAX, still);
  pipeline(a, b, () => b.destroy());
  pipeline(b, a, () => a.destroy());
}

async function tunnel(
  rules: readonly EgressRule[],
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): Promise<void> {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(request.url ?? '') ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host === undefined || port === 0 || port > 65_535) {
    return answer(socket, '400 Bad Request', 'CONNECT wants host:port.');
  }
  const destination = await chooseDestination(rules, host, port);
  if (destination.type === 'refused') return answer(socket, '403 Forbidden', destination.reason);
  const target = connect({ host: destination.address, port, timeout: CONNECT_MS_MAX });
  socket.once('close', () => target.destroy());
  target.once('timeout', () => target.destroy(new Error(`${host}:${port} does not answer`)));
  const beforeOpen = (error: Error) => answer(socket, '502 Bad Gateway', error.message);
  target.once('error', beforeOpen);
  target.once('connect', () => {
    target.off('error', beforeOpen);
    target.setTimeout(0);
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    target.write(head);
    join(socket, target);
  });
}

async function forward(
  rules: readonly EgressRule[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = URL.parse(request.url ?? '');
  if (url?.protocol !== 'http:') {
    return refuse(response, 400, 'A proxy wants CONNECT, or a whole URL that begins with http://.');
  }
  const port = Number(url.port || 80);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const destination = await chooseDestination(rules, host, port);
  if (destination.type === 'refused') return refuse(response, 403, destination.reason);
  const headers = Object.fromEntries(
    Object.entries({ ...request.headers, host: url.host }).filter(([name]) => !HOP_HEADERS.includes(name)),
  );
  const onward = httpRequest({
    host: destination.address,
    port,
    method: request.method,
    path: `${url.pathname}${url.search}`,
    headers,
    timeout: CONNECT_MS_MAX,
    agent: false,
  });
  onward.once('socket', (socket) => socket.once('connect', () => onward.setTimeout(STILL_MS_MAX)));
  onward.once('timeout', () => onward.destroy(new Error(`${host}:${port} does not answer`)));
  onward.once('error', (error) => refuse(response, 502, error.message));
  onward.once('response', (from) => {
    const back = Object.entries(from.headers).filter(([name]) => !HOP_HEADERS.includes(name));
    response.writeHead(from.statusCode ?? 502, Object.fromEntries(back));
    pipeline(from, response, () => {});
  });
  pipeline(request, onward, () => {});
}

function refuse(response: ServerResponse, status: number, reason: string): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`Slipway: ${reason}\n`);
}

function answer(socket: Duplex, status: string, reason: string): void {
  if (socket.destroyed) return;
  const body = `Slipway: ${reason}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
