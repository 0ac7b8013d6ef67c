/**
 * A registry of container images, in memory and on loopback: as much of the distribution API as pushing and pulling
 * need, with a password for who wants one.
 * https://distribution.github.io/distribution/spec/api/
 */

import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface TestRegistry {
  /** `127.0.0.1:PORT`, as images are named after it. */
  readonly host: string;
  /** `name:tag` of everything that was pushed. */
  tags(): readonly string[];
  /** The layers and configuration of an image, as text where it is text. */
  configuration(nameAndTag: string): Record<string, unknown>;
  close(): void;
}

interface Manifest {
  readonly type: string;
  readonly content: Buffer;
}

export async function startRegistry(login?: { username: string; password: string }): Promise<TestRegistry> {
  const blobs = new Map<string, Buffer>();
  const uploads = new Map<string, Buffer>();
  const manifests = new Map<string, Manifest>();
  const wanted = login && `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET' } = request;
    const url = new URL(request.url ?? '/', 'http://registry');
    const body = await readAll(request);
    const answer = (status: number, headers: Record<string, string> = {}, content: Buffer | string = '') => {
      response.writeHead(status, { 'Docker-Distribution-Api-Version': 'registry/2.0', ...headers });
      response.end(method === 'HEAD' ? undefined : content);
    };
    if (wanted && request.headers.authorization !== wanted) {
      const code = JSON.stringify({ errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] });
      return answer(
        401,
        { 'WWW-Authenticate': 'Basic realm="test"', 'Content-Type': 'application/json' },
        code,
      );
    }
    const [, name = '', kind = '', rest = ''] =
      /^\/v2\/(.+)\/(blobs|manifests)\/(.+)$/.exec(url.pathname) ?? [];
    const upload = /^uploads\/(.*)$/.exec(rest)?.[1];
    if (kind === '') return answer(200, {}, '{}');
    if (upload !== undefined) {
      const id = upload || randomUUID();
      const content = Buffer.concat([uploads.get(id) ?? Buffer.alloc(0), body]);
      const digest = url.searchParams.get('digest');
      if (method !== 'PUT' || digest === null) {
        uploads.set(id, content);
        const place = { Location: `/v2/${name}/blobs/uploads/${id}`, 'Docker-Upload-UUID': id };
        return answer(202, { ...place, Range: `0-${Math.max(0, content.length - 1)}` });
      }
      if (digestOf(content) !== digest) return answer(400);
      blobs.set(digest, content);
      return answer(201, { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest });
    }
    if (kind === 'manifests' && method === 'PUT') {
      const manifest = { type: request.headers['content-type'] ?? '', content: body };
      for (const key of [`${name}:${rest}`, `${name}:${digestOf(body)}`]) manifests.set(key, manifest);
      return answer(201, { 'Docker-Content-Digest': digestOf(body) });
    }
    const found =
      kind === 'manifests'
        ? manifests.get(`${name}:${rest}`)
        : blobs.has(rest) && { type: 'application/octet-stream', content: blobs.get(rest) as Buffer };
    if (!found)
      return answer(404, { 'Content-Type': 'application/json' }, '{"errors":[{"code":"NAME_UNKNOWN"}]}');
    const { type, content } = found;
    const headers = { 'Content-Type': type, 'Content-Length': String(content.length) };
    answer(200, { ...headers, 'Docker-Content-Digest': digestOf(content) }, content);
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    tags: () => [...manifests.keys()].filter((key) => !key.includes('sha256:')),
    configuration(nameAndTag) {
      const manifest = JSON.parse(manifests.get(nameAndTag)?.content.toString() ?? '{}') as {
        config?: { digest: string };
      };
      const content = blobs.get(manifest.config?.digest ?? '');
      return JSON.parse(content?.toString() ?? '{}') as Record<string, unknown>;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
