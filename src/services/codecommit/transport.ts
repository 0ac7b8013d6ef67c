/**
 * What passes between a client and git once both are known: advertisements, fetches and pushes. Bodies stream both ways
 * and are never collected, but for pushes, which `receive.ts` takes in whole.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { isFault } from '#base/fault.ts';
import type { Principal } from '#core/policy/principal.ts';
import { FLUSH, MalformedPush, pktLine } from './pkt-line.ts';
import { PushTooLarge, receivePush } from './receive.ts';
import type { Room } from './room.ts';
import type { RepositoryRow } from './tables.ts';
import { recordVisit, type GitVisit } from './record.ts';
import { NO_CACHE, Refusal, type GitService } from './refusal.ts';

const IDLE_MS_MAX = 120_000;

/** Of a fetch: what a client has and wants, uncompressed. */
const WANTS_BYTES_MAX = 64 * 1024 * 1024;

const LIST_COMMAND = 'command=ls-refs';

export interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly repository: RepositoryRow;
  readonly principal: Principal;
  readonly environment: Readonly<Record<string, string>>;
}

export async function advertise(room: Room, visit: Visit, service: GitService): Promise<void> {
  const { response, repository, environment } = visit;
  const { git, path } = room.house.repositories;
  const command = service.slice('git-'.length);
  const args = [command, '--stateless-rpc', '--http-backend-info-refs', path(repository.id)];
  const process = git.start(args, { environment: service === 'git-upload-pack' ? environment : {} });
  process.stdin.end();
  response.writeHead(200, { ...NO_CACHE, 'content-type': `application/x-${service}-advertisement` });
  const isVersion2 =
    service === 'git-upload-pack' && /(?:^|:)version=2(?::|$)/.test(environment['GIT_PROTOCOL'] ?? '');
  if (!isVersion2) response.write(Buffer.concat([pktLine(`# service=${service}\n`), FLUSH]));
  await relay(process, response);
}

export async function uploadPack(room: Room, visit: Visit, recorded: GitVisit): Promise<void> {
  const { request, response, repository, environment } = visit;
  const { git, path } = room.house.repositories;
  const body = bodyOf(request);
  const process = git.start(['upload-pack', '--stateless-rpc', path(repository.id)], { environment });
  watchIdle(request);
  const noticed = async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let isFirst = true;
    for await (const chunk of source) {
      if (isFirst && !isListing(chunk)) await recordVisit(room, recorded);
      isFirst = false;
      yield chunk;
    }
  };
  const sending = pipeline(body, limited(WANTS_BYTES_MAX), noticed, process.stdin).catch(
    (error: NodeJS.ErrnoException) => {
      // Git may have read what it needs, or the client has gone; either shows at the other end.
      if (error.code !== 'EPIPE') process.kill();
    },
  );
  response.writeHead(200, { ...NO_CACHE, 'content-type': 'application/x-git-upload-pack-result' });
  await relay(process, response);
  await sending;
}

/** Protocol 2 asks for references by a command of its own. */
function isListing(start: Buffer): boolean {
  return start.subarray(4, 4 + LIST_COMMAND.length).toString('latin1') === LIST_COMMAND;
}

/** Git's output to the client; git ends when the client goes away. */
async function relay(
  process: {
    readonly stdout: Readable;
    readonly stderr: Readable;
    readonly ended: Promise<number>;
    kill(): void;
  },
  response: ServerResponse,
): Promise<void> {
  process.stderr.resume();
  try {
    await pipeline(process.stdout, response);
  } catch (error) {
    // Only a client that has gone ends this early, and nobody is left to tell.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  } finally {
    process.kill();
    await process.ended;
  }
}

export async function receivePack(room: Room, visit: Visit): Promise<void> {
  const { request, response, repository, principal, environment } = visit;
  watchIdle(request);
  try {
    const body = await receivePush(room, {
      request,
      repository,
      principal,
      environment,
      body: bodyOf(request),
    });
    response.writeHead(200, { ...NO_CACHE, 'content-type': 'application/x-git-receive-pack-result' });
    response.end(body);
  } catch (error) {
    if (error instanceof MalformedPush) throw new Refusal(400, error.message);
    if (error instanceof PushTooLarge) throw new Refusal(413, error.message, { connection: 'close' });
    if (isFault(error))
      throw new Refusal(error.code === 'RepositoryDoesNotExistException' ? 404 : 409, error.message);
    throw error;
  }
}

/** A client must not stop in the middle of its request; afterwards git may take its time. */
function watchIdle(request: IncomingMessage): void {
  request.setTimeout(IDLE_MS_MAX, () => request.destroy(new Error('the client fell silent')));
  request.once('end', () => request.setTimeout(0));
}

function limited(bytesMax: number): (source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  return async function* (source) {
    let size = 0;
    for await (const chunk of source) {
      size += chunk.length;
      if (size > bytesMax) throw new Error(`the request has more than ${bytesMax} bytes`);
      yield chunk;
    }
  };
}

/** Git compresses long requests. */
function bodyOf(request: IncomingMessage): Readable {
  const encoding = request.headers['content-encoding'] ?? 'identity';
  if (encoding === 'identity') return request;
  if (encoding !== 'gzip' && encoding !== 'x-gzip')
    throw new Refusal(415, `The encoding ${encoding} is not known.`);
  const gunzip = createGunzip();
  request.on('error', (error) => gunzip.destroy(error));
  request.once('close', () => {
    if (!request.readableEnded) gunzip.destroy(new Error('the client went away'));
  });
  return request.pipe(gunzip);
}
