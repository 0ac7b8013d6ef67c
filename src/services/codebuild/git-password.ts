/**
 * User name and password for git over HTTPS out of a role's credentials, as the AWS CLI's credential helper makes
 * them: a signature over the repository's path that is good for a quarter of an hour.
 */

import { createHash, createHmac } from 'node:crypto';
import type { Credentials } from '#services/service.ts';
import { signingKey } from '#wire/sigv4.ts';

export function gitPassword(
  credentials: Credentials,
  url: URL,
  region: string,
  at: number,
): { readonly user: string; readonly password: string } {
  const timestamp = new Date(at).toISOString().replace(/[-:]|\.\d{3}Z/g, '');
  const date = timestamp.slice(0, 8);
  const canonical = `GIT\n${url.pathname}\n\nhost:${url.hostname}\n\nhost\n`;
  const hash = createHash('sha256').update(canonical).digest('hex');
  const text = ['AWS4-HMAC-SHA256', timestamp, `${date}/${region}/codecommit/aws4_request`, hash].join('\n');
  const key = signingKey(credentials.secretAccessKey, date, region, 'codecommit');
  const signature = createHmac('sha256', key).update(text).digest('hex');
  const { accessKeyId, sessionToken } = credentials;
  return {
    user: sessionToken === undefined ? accessKeyId : `${accessKeyId}%${sessionToken}`,
    password: `${timestamp}Z${signature}`,
  };
}
