/**
 * The certificates by which the programs of a build trust more than the machine does: the endpoint, where only this
 * installation vouches for it, and what the project vouches for. They are a file that builds can read and not change.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Sandbox } from '#runtimes/runtime.ts';
import type { House } from '#services/service.ts';
import type { Bench } from './bench.ts';

const NAME = 'authorities.pem';
/** Where Linux keeps the authorities that everybody knows. */
const PUBLIC = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

/** The project's own, once it has been fetched (`certificate.ts`). */
export function ownCertificate(directory: string): string {
  return join(directory, 'certificate.pem');
}

/** Again whenever a sandbox is opened: the authority may be another one. */
export function placeAuthorities(house: House, sandbox: Sandbox, directory: string): void {
  const own = ownCertificate(directory);
  const text = house.authorities?.();
  if (text === undefined && !existsSync(own)) return;
  const known =
    text ??
    PUBLIC.filter((path) => existsSync(path))
      .slice(0, 1)
      .map(read)
      .join('');
  const all = `${known}\n${existsSync(own) ? read(own) : ''}`;
  writeFileSync(join(sandbox.readonlyDirectory, NAME), all, { mode: 0o644 });
}

/** As the build sees the file; `undefined` where it needs none. */
export function authoritiesFor({ room, sandbox, directory }: Bench): string | undefined {
  const isThere = room.house.authorities?.() !== undefined || existsSync(ownCertificate(directory));
  return isThere ? `${sandbox.workspace}/readonly/${NAME}` : undefined;
}

function read(path: string): string {
  return readFileSync(path, 'utf8');
}
