/**
 * `environment.certificate`: a certificate in S3 that a build trusts besides those that everybody knows, for providers
 * with an authority of their own. It is there before the sources are fetched.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/create-project.html
 */

import { X509Certificate } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { isFault } from '#base/fault.ts';
import { ZipRefused } from '#store/zip-entries.ts';
import { ownCertificate, placeAuthorities } from './authorities.ts';
import { PhaseFailure, type Bench } from './bench.ts';
import { unzip } from './unzip.ts';

const CERTIFICATE_BYTES_MAX = 1024 * 1024;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export async function fetchCertificate(bench: Bench): Promise<void> {
  const { certificate } = bench.plan.environment;
  if (certificate === undefined) return;
  const text = certificate.endsWith('.zip')
    ? await readZip(bench, await download(bench, certificate))
    : (await download(bench, certificate)).toString('utf8');
  const blocks = (text.match(PEM) ?? []).filter(isCertificate);
  if (blocks.length === 0) throw refuse(`${certificate} holds no certificate in PEM form`);
  writeFileSync(ownCertificate(bench.directory), `${blocks.join('\n')}\n`, { mode: 0o600 });
  placeAuthorities(bench.room.house, bench.sandbox, bench.directory);
}

function refuse(why: string): PhaseFailure {
  return new PhaseFailure('CLIENT_ERROR', `Unable to download certificate from S3. ${why}`);
}

async function download(bench: Bench, location: string): Promise<Buffer> {
  const [, Bucket, Key] = /^(?:arn:[^:]+:s3:::)?([^/]+)\/(.+)$/.exec(location) ?? [];
  if (!Bucket || !Key) throw refuse(`The location ${location} is not of the form bucket/key`);
  try {
    const role = await bench.role();
    const { Body, ContentLength = 0 } = await role.send('s3:GetObject', { Bucket, Key });
    if (ContentLength > CERTIFICATE_BYTES_MAX) throw refuse(`${location} is too large`);
    if (Body instanceof Uint8Array) return Buffer.from(Body);
    const parts: Buffer[] = [];
    for await (const part of (Body ?? []) as Readable) parts.push(part as Buffer);
    return Buffer.concat(parts);
  } catch (error) {
    if (isFault(error)) throw refuse(`${error.code}: ${error.message}`);
    throw error;
  }
}

/** The first file in it that is named as a certificate. */
async function readZip(bench: Bench, content: Buffer): Promise<string> {
  const archive = join(bench.directory, 'certificate.zip');
  const folder = join(bench.directory, 'certificate');
  try {
    writeFileSync(archive, content);
    mkdirSync(folder, { recursive: true });
    await unzip(archive, folder, CERTIFICATE_BYTES_MAX, undefined);
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
    const name = names.find((each) => each.endsWith('.pem') && lstatSync(join(folder, each)).isFile());
    return name === undefined ? '' : readFileSync(join(folder, name), 'utf8');
  } catch (error) {
    if (error instanceof ZipRefused) throw refuse(error.message);
    throw error;
  } finally {
    rmSync(archive, { force: true });
    rmSync(folder, { recursive: true, force: true });
  }
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).subject !== '';
  } catch {
    return false;
  }
}
