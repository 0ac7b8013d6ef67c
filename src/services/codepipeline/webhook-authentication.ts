/**
 * Who may deliver to a webhook: whoever signed the body with its secret, as GitHub does, or comes from an address that
 * is allowed, or anybody. AWS: "WebhookDefinition", GitHub: "Validating webhook deliveries".
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { BlockList, isIP } from 'node:net';

/**
 * The signature of the raw body, compared in constant time. SHA-256 decides where it is sent; SHA-1 is only for senders
 * that know nothing better.
 */
export function isSigned(headers: IncomingHttpHeaders, body: Buffer, secret: string): boolean {
  const newer = headers['x-hub-signature-256'];
  return newer === undefined
    ? matches(headers['x-hub-signature'], 'sha1', body, secret)
    : matches(newer, 'sha256', body, secret);
}

function matches(
  claim: string | string[] | undefined,
  algorithm: 'sha256' | 'sha1',
  body: Buffer,
  secret: string,
): boolean {
  const expected = Buffer.from(`${algorithm}=${createHmac(algorithm, secret).update(body).digest('hex')}`);
  const claimed = Buffer.from(typeof claim === 'string' ? claim.toLowerCase() : '');
  return claimed.length === expected.length && timingSafeEqual(claimed, expected);
}

const CIDR = /^([0-9A-Fa-f:.]{2,45})\/(\d{1,3})$/;

/** Nothing for a text that is not an address and the length of its prefix. */
export function parseRange(text: string): BlockList | undefined {
  const [, address = '', length = ''] = CIDR.exec(text) ?? [];
  const version = isIP(address);
  const bits = Number(length);
  if (version === 0 || bits > (version === 4 ? 32 : 128)) return undefined;
  const list = new BlockList();
  list.addSubnet(address, bits, version === 4 ? 'ipv4' : 'ipv6');
  return list;
}

/** `address` is that of the connection; what a proxy says of its own client is not believed. */
export function isInRange(range: string, address: string | undefined): boolean {
  const plain = (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
  const version = isIP(plain);
  return version !== 0 && (parseRange(range)?.check(plain, version === 4 ? 'ipv4' : 'ipv6') ?? false);
}
