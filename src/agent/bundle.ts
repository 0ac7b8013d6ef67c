/** Fetches the bundle of a deployment from S3 with the host's own identity, and keeps a bounded number of old ones. */

import { createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { signRequest, type SigningCredentials } from '#wire/sign.ts';
import { readIfThere, writeDurably } from './files.ts';
import type { Layout } from './layout.ts';
import { EventFailure } from './outcome.ts';
import { pause, pauseAfter } from './pause.ts';
import type { S3Bundle, Specification } from './specification.ts';
import { unpack } from './unpack.ts';

export interface S3Access {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: SigningCredentials;
  readonly signal: AbortSignal;
}

export const REVISIONS_KEPT = 5;
const FETCH_MS_MAX = 30 * 60_000;
const ERROR_CHARACTERS_MAX = 2048;

export async function downloadBundle(
  layout: Layout,
  specification: Specification,
  access: S3Access,
): Promise<void> {
  const { groupId, deploymentId, revision } = specification;
  const deployment = layout.deployment(groupId, deploymentId);
  await mkdir(deployment.directory, { recursive: true });
  await dropOldRevisions(layout, groupId, deployment.directory);
  await fetchPatiently(revision, deployment.bundle, access);
  try {
    await unpack(deployment.bundle, revision.bundleType, deployment.archive);
  } catch (cause) {
    throw new EventFailure(
      `The bundle ${placeOf(revision)} cannot be unpacked as ${revision.bundleType}: ${messageOf(cause)}`,
    );
  }
  await writeDurably(layout.mostRecentInstall(groupId), deployment.directory);
}

/** The server may be away for a while; what it refuses is refused for good. */
async function fetchPatiently(revision: S3Bundle, path: string, access: S3Access): Promise<void> {
  const until = Date.now() + FETCH_MS_MAX;
  for (let failures = 1; ; failures++) {
    try {
      return await fetchOnce(revision, path, access);
    } catch (error) {
      if (error instanceof EventFailure || access.signal.aborted) throw error;
      if (Date.now() > until) {
        throw new EventFailure(`The bundle ${placeOf(revision)} cannot be fetched: ${messageOf(error)}`);
      }
    }
    await pause(pauseAfter(failures), access.signal);
    access.signal.throwIfAborted();
  }
}

async function fetchOnce(revision: S3Bundle, path: string, access: S3Access): Promise<void> {
  const url = urlOf(revision, access.endpoint);
  const headers = signRequest(
    { method: 'GET', url, headers: {}, body: '' },
    { service: 's3', region: access.region },
    access.credentials,
    Date.now(),
  );
  const answer = await fetch(url, { headers, signal: access.signal });
  if (!answer.ok) {
    const text = (await answer.text()).slice(0, ERROR_CHARACTERS_MAX);
    const message = `The bundle ${placeOf(revision)} cannot be fetched: ${explain(text, answer.status)}`;
    throw answer.status >= 500 || answer.status === 429 ? new Error(message) : new EventFailure(message);
  }
  const eTag = answer.headers.get('etag') ?? '';
  if (revision.eTag !== undefined && unquoted(eTag) !== unquoted(revision.eTag)) {
    await answer.body?.cancel();
    throw new EventFailure(
      `The bundle ${placeOf(revision)} has changed: its ETag is ${eTag} and not ${revision.eTag}.`,
    );
  }
  if (!answer.body) throw new Error('S3 answered without a body.');
  const temporary = `${path}.new`;
  await pipeline(Readable.fromWeb(answer.body as never), createWriteStream(temporary));
  const file = await open(temporary, 'r');
  await file.sync();
  await file.close();
  await rename(temporary, path);
}

function urlOf({ bucket, key, version }: S3Bundle, endpoint: string): URL {
  const path = [bucket, ...key.split('/')].map(encodeURIComponent).map(strict).join('/');
  const query = version === undefined ? '' : `?versionId=${strict(encodeURIComponent(version))}`;
  return new URL(`/${path}${query}`, endpoint);
}

/** What `encodeURIComponent` leaves and signatures do not. */
function strict(text: string): string {
  return text.replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

function explain(xml: string, status: number): string {
  const [, code] = /<Code>([^<]*)<\/Code>/.exec(xml) ?? [];
  const [, message] = /<Message>([^<]*)<\/Message>/.exec(xml) ?? [];
  return code === undefined ? `HTTP ${status}` : `${code}: ${message ?? ''} (HTTP ${status})`;
}

/** Oldest first, never the one that is installed, never the current one. */
async function dropOldRevisions(layout: Layout, groupId: string, current: string): Promise<void> {
  const group = layout.group(groupId);
  const installed = (await readIfThere(layout.lastSuccessfulInstall(groupId)))?.trim();
  const directories = (await readdir(group, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(group, entry.name));
  const aged = await Promise.all(
    directories
      .filter((directory) => directory !== current && directory !== installed)
      .map(async (directory) => ({ directory, at: (await stat(directory)).mtimeMs })),
  );
  aged.sort((a, b) => a.at - b.at);
  const surplus = directories.length - REVISIONS_KEPT;
  for (const { directory } of aged.slice(0, Math.max(0, surplus))) {
    if (dirname(directory) === group) await rm(directory, { recursive: true, force: true });
  }
}

function placeOf({ bucket, key }: S3Bundle): string {
  return `s3://${bucket}/${key}`;
}

function unquoted(eTag: string): string {
  return eTag.replaceAll('"', '');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
