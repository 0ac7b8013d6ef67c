/**
 * Passwords that people choose, as they rest: scrypt with a salt of their own, so that whoever reads the database has to
 * pay for every guess. The parameters stand beside each hash and can rise for new ones.
 */

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { present } from '#base/assert.ts';

const COST = { N: 32_768, r: 8, p: 1 } as const;
/** scrypt needs 128 · N · r bytes; twice that is more than it may ever ask for. */
const MEMORY_BYTES_MAX = 2 * 128 * COST.N * COST.r;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
const FORM = /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([\w-]{22})\$([\w-]{43})$/;

/** What nobody's password is: whoever has none is compared with this, and takes as long. */
export const NO_HASH = `scrypt$${COST.N}$${COST.r}$${COST.p}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, salt, COST.N, COST.r, COST.p);
  const texts = [salt, hash].map((bytes) => bytes.toString('base64url'));
  return `scrypt$${COST.N}$${COST.r}$${COST.p}$${texts.join('$')}`;
}

/** In constant time, after the same work whatever the password. */
export async function isHashOf(password: string, stored: string): Promise<boolean> {
  const [, cost = '', blocks = '', lanes = '', salt = '', hash = ''] = present(
    FORM.exec(stored) ?? undefined,
    'a well-formed stored password',
  );
  const expected = Buffer.from(hash, 'base64url');
  const made = await derive(
    password,
    Buffer.from(salt, 'base64url'),
    Number(cost),
    Number(blocks),
    Number(lanes),
  );
  return timingSafeEqual(made, expected);
}

function derive(password: string, salt: Buffer, N: number, r: number, p: number): Promise<Buffer> {
  return new Promise((done, fail) => {
    // One spelling of what people type, whatever their keyboards send.
    scrypt(
      password.normalize('NFC'),
      salt,
      HASH_BYTES,
      { N, r, p, maxmem: MEMORY_BYTES_MAX },
      (error, key) => (error ? fail(error) : done(key)),
    );
  });
}
