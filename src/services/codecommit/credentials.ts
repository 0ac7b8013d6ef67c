/**
 * Who speaks at the git door: HTTP Basic with one of two kinds of user and password. Git credentials of an IAM user
 * are looked up; access keys sign instead, in the form that `aws codecommit credential-helper` and
 * git-remote-codecommit send as a password. See "Setup for HTTPS users" in the CodeCommit User Guide.
 */

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { isFault } from '#base/fault.ts';
import type { Principal } from '#core/policy/principal.ts';
import type { House } from '#services/service.ts';

export interface Basic {
  readonly userName: string;
  readonly password: string;
}

const ACCESS_KEY = /^((?:AKIA|ASIA)[A-Z0-9]{12,124})(?:%(.*))?$/s;
const PASSWORD = /^(\d{8}T\d{6})Z([0-9a-f]{64})$/;
const AGE_MS_MAX = 15 * 60_000;
const SKEW_MS_MAX = 5 * 60_000;
const SERVICE = 'codecommit';

export function parseBasic(header: string | undefined): Basic | undefined {
  const match = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(header ?? '');
  if (!match) return undefined;
  const text = Buffer.from(match[1] ?? '', 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { userName: text.slice(0, colon), password: text.slice(colon + 1) };
}

export interface GitRequest {
  /** The Host header as it came, with its port if it has one. */
  readonly host: string;
  /** The repository's part of the path as it came: `/v1/repos/shop`. */
  readonly path: string;
}

/** `undefined` when the credentials are not right, whatever the reason. */
export async function identifyGit(
  house: House,
  basic: Basic,
  request: GitRequest,
): Promise<Principal | undefined> {
  const key = ACCESS_KEY.exec(basic.userName);
  if (!key) {
    return await house.trust.identifyServiceCredential(
      'codecommit.amazonaws.com',
      basic.userName,
      basic.password,
    );
  }
  const [, accessKeyId = '', token] = key;
  const [, timestamp, signature] = PASSWORD.exec(basic.password) ?? [];
  if (timestamp === undefined || signature === undefined) return undefined;
  const age = house.clock.now() - timeOf(timestamp);
  if (Number.isNaN(age) || age > AGE_MS_MAX || age < -SKEW_MS_MAX) return undefined;
  try {
    const identity = await house.trust.identify(accessKeyId, token);
    const proof = { timestamp, region: house.region, secretAccessKey: identity.secretAccessKey };
    const isRight = hostsOf(request.host).some((host) =>
      isEqual(signature, signGit({ ...proof, host, path: request.path })),
    );
    return isRight ? identity.principal : undefined;
  } catch (error) {
    if (isFault(error)) return undefined;
    throw error;
  }
}

export interface GitProof extends GitRequest {
  /** `20250102T030405` */
  readonly timestamp: string;
  readonly region: string;
  readonly secretAccessKey: string;
}

/** The signature of a git password: one header, no payload hash, and a time without its Z. */
export function signGit(proof: GitProof): string {
  const { timestamp, region, secretAccessKey, host, path } = proof;
  const date = timestamp.slice(0, 8);
  const canonical = `GIT\n${path}\n\nhost:${host}\n\nhost\n`;
  const scope = `${date}/${region}/${SERVICE}/aws4_request`;
  const digest = createHash('sha256').update(canonical).digest('hex');
  const text = `AWS4-HMAC-SHA256\n${timestamp}\n${scope}\n${digest}`;
  const key = [date, region, SERVICE, 'aws4_request'].reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${secretAccessKey}`,
  );
  return createHmac('sha256', key).update(text).digest('hex');
}

/** The CLI's helper signs the host without its port, git-remote-codecommit with it. */
function hostsOf(host: string): readonly string[] {
  const bare = host.replace(/:\d+$/, '');
  return bare === host ? [host] : [bare, host];
}

function timeOf(timestamp: string): number {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})$/.exec(timestamp);
  const [, year, month, day, hour, minute, second] = (match ?? []).map(Number);
  return Date.UTC(year ?? NaN, (month ?? NaN) - 1, day, hour, minute, second);
}

function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
