/**
 * Signing of our own outgoing requests: the deploy agent's and the command line's. The counterpart of `sigv4.ts`, kept
 * small: header form only, whole bodies only, paths and queries already encoded (a bare `+` in a query is a space).
 */

import { createHash, createHmac } from 'node:crypto';
import { signingKey } from './sigv4.ts';

export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface OutgoingRequest {
  readonly method: string;
  readonly url: URL;
  /** Without host, date and authorization. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
}

/** The headers to send, `authorization` included. `at` is milliseconds since the epoch. */
export function signRequest(
  request: OutgoingRequest,
  scope: { readonly service: string; readonly region: string },
  credentials: SigningCredentials,
  at: number,
): Record<string, string> {
  const timestamp = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const date = timestamp.slice(0, 8);
  const payloadHash = createHash('sha256').update(request.body).digest('hex');
  const headers: Record<string, string> = {
    ...Object.fromEntries(
      Object.entries(request.headers).map(([name, value]) => [name.toLowerCase(), value]),
    ),
    'x-amz-date': timestamp,
    'x-amz-content-sha256': payloadHash,
    ...(credentials.sessionToken ? { 'x-amz-security-token': credentials.sessionToken } : {}),
  };
  const signed = Object.entries({ ...headers, host: request.url.host }).sort(([a], [b]) => (a < b ? -1 : 1));
  const names = signed.map(([name]) => name).join(';');
  const query = request.url.search
    .slice(1)
    .split('&')
    .map((pair) =>
      pair
        .split('=', 2)
        .map((part) => encode(decodeURIComponent(part.replaceAll('+', '%20'))))
        .join('='),
    )
    .sort()
    .join('&');
  const canonical = [
    request.method,
    scope.service === 's3' ? request.url.pathname : request.url.pathname.split('/').map(encode).join('/'),
    query,
    ...signed.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}`),
    '',
    names,
    payloadHash,
  ].join('\n');
  const scopeText = `${date}/${scope.region}/${scope.service}/aws4_request`;
  const hash = createHash('sha256').update(canonical).digest('hex');
  const signature = createHmac(
    'sha256',
    signingKey(credentials.secretAccessKey, date, scope.region, scope.service),
  )
    .update(`AWS4-HMAC-SHA256\n${timestamp}\n${scopeText}\n${hash}`)
    .digest('hex');
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${credentials.accessKeyId}/${scopeText}, ` +
    `SignedHeaders=${names}, Signature=${signature}`;
  return { ...headers, authorization };
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
