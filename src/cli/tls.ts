/**
 * The certificate with which `slipway serve` answers: the operator's files, or one of the installation's own authority.
 * Either can be read anew while the server runs, when it is told to (SIGHUP) and, of the own authority, before it ends.
 */

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import type { TlsIdentity } from '#gateway/server.ts';
import { openServerCertificate } from '#store/tls-authority.ts';
import type { Address } from './options.ts';

export interface TlsOptions {
  readonly data: string;
  readonly listen: Address;
  readonly tls?: string;
  readonly tlsName?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export interface TlsSource {
  /** Throws when there is no certificate that would serve. */
  read(now: number): TlsIdentity;
}

const NAME_FORM = /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?)+$|^[0-9a-fA-F:.]+$/;

/** `undefined` for plain HTTP. */
export function tlsSourceOf(options: TlsOptions): TlsSource | undefined {
  const { tls, tlsName = [], tlsCert, tlsKey } = options;
  if (tls !== undefined && tls !== 'auto') throw new Error(`--tls ${tls} is not understood. Say auto.`);
  if (tls === undefined && tlsName.length > 0) throw new Error('--tls-name is for --tls auto.');
  if (tls === 'auto') {
    if (tlsCert !== undefined || tlsKey !== undefined)
      throw new Error('Choose --tls auto, or --tls-cert and --tls-key, not both.');
    const wrong = tlsName.find((name) => !NAME_FORM.test(name));
    if (wrong !== undefined) throw new Error(`${wrong} is no host name or address.`);
    return { read: (now) => openServerCertificate(options.data, hostsOf(options.listen.host, tlsName), now) };
  }
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw new Error('TLS needs both --tls-cert and --tls-key.');
  return { read: () => readFiles(tlsCert, tlsKey) };
}

/** Wrong files are told of now, and not by the first client that fails. */
function readFiles(certificatePath: string, keyPath: string): TlsIdentity {
  const certificate = readFileSync(certificatePath, 'utf8');
  const key = readFileSync(keyPath, 'utf8');
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) {
    throw new Error(`The key in ${keyPath} is not that of the certificate in ${certificatePath}.`);
  }
  return { certificate, key };
}

/** This machine by every name under which it can be reached here: of loopback always, of its network when it listens there. */
function hostsOf(host: string, names: readonly string[]): readonly string[] {
  const isEverywhere = host === '0.0.0.0' || host === '::';
  const addresses = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const outer = addresses.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const own = isEverywhere ? [hostname(), ...outer.map(({ address }) => address)] : [host];
  return [...new Set([...names, ...own, 'localhost', '127.0.0.1', '::1'].map((name) => name.toLowerCase()))];
}
