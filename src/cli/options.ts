/** What several commands share about their options: the data directory, addresses, where the server listens. */

import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { QUOTA_PROFILES, type QuotaProfile } from '#base/quotas.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export function defaultDirectory(): string {
  return join(homedir(), '.slipway');
}

/** `host:port`, `[::1]:port`; port 0 lets the system choose. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  return host && port <= 65535 ? { host, port } : undefined;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

export function parseQuotas(text: string): QuotaProfile {
  const profile = QUOTA_PROFILES.find((name) => name === text);
  if (profile) return profile;
  throw new Error(`There are no quotas named ${text}. Choose ${QUOTA_PROFILES.join(' or ')}.`);
}

/** Where a server that uses this data directory said that it listens; it may have ended since. */
export function readEndpoint(directory: string): string | undefined {
  try {
    return readFileSync(join(directory, 'endpoint'), 'utf8').trim() || undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
