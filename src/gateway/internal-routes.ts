/** What the server says about itself, below a path that no bucket can have. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Route } from '#services/service.ts';
import type { Audit } from './audit.ts';
import type { Rooms } from './rooms.ts';

export function createInternalRoutes(audit: Audit, rooms: Rooms): readonly Route[] {
  return [
    {
      prefix: '/_slipway/health',
      handle: async (_request, response) => json(response, 200, { status: 'ok' }),
    },
    {
      prefix: '/_slipway/metrics',
      handle: async (_request, response) => {
        const text = audit.metrics() + (await rooms.metrics());
        response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' });
        response.end(text);
      },
    },
    { prefix: '/_slipway/', handle: async (request, response) => notFound(request, response) },
  ];
}

function notFound(request: IncomingMessage, response: ServerResponse): void {
  json(response, 404, { message: `There is no ${request.method ?? 'GET'} here.` });
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
