/**
 * Visits to identity providers: one GET of a JSON document over HTTPS, with a limit on time and size, without redirects.
 * The address that a name resolves to is checked at the moment of connecting, so that no provider leads into this machine
 * or its network (SSRF), unless the operator named its host. Certificates count by the machine's trust store, or by a
 * thumbprint of the provider for authorities that the machine does not know.
 */

import { lookup as resolve, type LookupAddress } from 'node:dns';
import type { IncomingMessage } from 'node:http';
import type { RequestOptions } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { nodeHttps } from '#base/node-http.ts';
import { isPublicAddress } from '#core/topic/public-address.ts';

export interface IssuerWeb {
  /** Throws `Unreachable` whenever there is no document. `thumbprints`: SHA-1, in lower case. */
  read(url: string, thumbprints: readonly string[]): Promise<unknown>;
}

/** Why there is no document, as the end of a sentence. */
export class Unreachable extends Error {
  override readonly name = 'Unreachable';
}

const WAIT_MS_MAX = 5_000;
const DOCUMENT_BYTES_MAX = 256 * 1024;
const CHAIN_LENGTH_MAX = 10;
/** What OpenSSL says of a chain whose authority it does not know. */
const UNKNOWN_AUTHORITY = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** `privateHosts`: `host` or `host:port`, as in the URLs of providers; these alone may be anywhere. */
export function createIssuerWeb(privateHosts: readonly string[]): IssuerWeb {
  return {
    async read(text, thumbprints) {
      const target = targetOf(text, privateHosts);
      try {
        return await get(target, undefined);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (!UNKNOWN_AUTHORITY.has(code ?? '') || thumbprints.length === 0) throw unreachable(error);
      }
      try {
        return await get(target, await authorityOf(target, thumbprints));
      } catch (error) {
        throw unreachable(error);
      }
    },
  };
}

/** `SLIPWAY_OIDC_PRIVATE_ISSUERS`: names apart by commas. */
export function readPrivateHosts(text: string | undefined): readonly string[] {
  return (text ?? '')
    .split(',')
    .map((host) => host.trim().toLowerCase())
    .filter((host) => host !== '');
}

interface Target {
  readonly url: URL;
  /** Without brackets. */
  readonly host: string;
  readonly lookup: LookupFunction | undefined;
}

function targetOf(text: string, privateHosts: readonly string[]): Target {
  if (!URL.canParse(text)) throw new Unreachable(`${text} is no URL`);
  const url = new URL(text);
  if (url.protocol !== 'https:' || url.username !== '' || url.password !== '')
    throw new Unreachable(`${text} is no plain HTTPS URL`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (privateHosts.includes(url.hostname) || privateHosts.includes(url.host))
    return { url, host, lookup: undefined };
  // Names are checked when they are resolved; an address is not resolved.
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw new Unreachable(`${host} is no public address`);
  return { url, host, lookup: lookupPublic };
}

const lookupPublic: LookupFunction = (host, options, done) => {
  resolve(host, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const [first] = addresses ?? [];
    if (error || first === undefined) return done(error ?? new Unreachable(`${host} has no address`), '');
    const inner = addresses.find(({ address }) => !isPublicAddress(address));
    if (inner)
      return done(new Unreachable(`${host} leads to ${inner.address}, which is no public address`), '');
    if (options.all) return done(null, addresses);
    done(null, first.address, first.family);
  });
};

function get({ url, lookup }: Target, authority: string | undefined): Promise<unknown> {
  const options: RequestOptions = {
    agent: false,
    headers: { accept: 'application/json' },
    signal: AbortSignal.timeout(WAIT_MS_MAX),
    ...(lookup && { lookup }),
    ...(authority !== undefined && { ca: authority, allowPartialTrustChain: true }),
  };
  return new Promise((done, fail) => {
    nodeHttps()
      .get(url, options, (response) => {
        readJson(response).then(done, fail);
      })
      .once('error', fail);
  });
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  try {
    if (response.statusCode !== 200) throw new Unreachable(`it answered with status ${response.statusCode}`);
    const parts: Buffer[] = [];
    let length = 0;
    for await (const part of response as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > DOCUMENT_BYTES_MAX) throw new Unreachable(`it sent more than ${DOCUMENT_BYTES_MAX} bytes`);
      parts.push(part);
    }
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } finally {
    response.destroy();
  }
}

/**
 * The certificate, among those that the server shows, that has one of the thumbprints. Nothing is believed yet: the next
 * connection is verified as every other one, with this certificate as its authority.
 */
function authorityOf({ url, host, lookup }: Target, thumbprints: readonly string[]): Promise<string> {
  return new Promise((done, fail) => {
    const socket = connect({
      host,
      port: Number(url.port || '443'),
      rejectUnauthorized: false,
      ...(isIP(host) === 0 && { servername: host }),
      ...(lookup && { lookup }),
    });
    socket.setTimeout(WAIT_MS_MAX, () => socket.destroy(new Unreachable('it did not answer in time')));
    socket.once('error', fail);
    socket.once('close', () => fail(new Unreachable('it closed the connection')));
    socket.once('secureConnect', () => {
      const found = chainOf(socket.getPeerCertificate(true)).find((certificate) =>
        thumbprints.includes(certificate.fingerprint.replaceAll(':', '').toLowerCase()),
      );
      if (found) done(toPem(found.raw));
      else fail(new Unreachable('its certificate is neither trusted nor of a registered thumbprint'));
      socket.destroy();
    });
  });
}

/** The last certificate is its own issuer. */
function chainOf(first: DetailedPeerCertificate): readonly DetailedPeerCertificate[] {
  const chain: DetailedPeerCertificate[] = [];
  let next: DetailedPeerCertificate | undefined = first;
  while (next?.raw && chain.length < CHAIN_LENGTH_MAX && !chain.includes(next)) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

function toPem(raw: Buffer): string {
  const lines = raw.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

function unreachable(error: unknown): Unreachable {
  if (error instanceof Unreachable) return error;
  if (error instanceof SyntaxError) return new Unreachable('it sent no JSON', { cause: error });
  if ((error as Error).name === 'TimeoutError' || (error as Error).name === 'AbortError')
    return new Unreachable('it did not answer in time', { cause: error });
  return new Unreachable((error as Error).message, { cause: error });
}
