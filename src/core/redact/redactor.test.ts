/** Secrets do not leave, however they are dressed and however the stream is cut. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRedactor, MASK } from './redactor.ts';

const SECRET = `p@ss "wörd"/it's $5 & <more>+\\x`;
const secret = fc
  .string({ minLength: 8, maxLength: 40 })
  .filter((text) => text.trim().length >= 8 && text === text.trim());
const noise = fc.stringMatching(/^[ -~\n]{0,30}$/);

const dressed: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  json: (text) => JSON.stringify({ a: text }),
  'json in json': (text) => JSON.stringify({ a: JSON.stringify({ b: text }) }),
  url: (text) => `https://x?y=${encodeURIComponent(text)}&z`,
  form: (text) => new URLSearchParams({ a: text }).toString(),
  'lower-case url': (text) => encodeURIComponent(text).replace(/%../g, (code) => code.toLowerCase()),
  base64: (text) => Buffer.from(text).toString('base64'),
  'base64 with a user': (text) => Buffer.from(`user:${text}`).toString('base64'),
  'base64 with one before': (text) => Buffer.from(`u${text}x`).toString('base64'),
  'base64 with two before': (text) => Buffer.from(`uu${text}xy`).toString('base64'),
  base64url: (text) => Buffer.from(`a${text}`).toString('base64url'),
  hexadecimal: (text) => Buffer.from(text).toString('hex'),
  'single quotes': (text) => `'${text.replaceAll("'", `'\\''`)}'`,
  'double quotes': (text) => `"${text.replace(/["$`\\]/g, '\\$&')}"`,
};

for (const [name, dress] of Object.entries(dressed)) {
  test(`a secret is not seen through: ${name}`, () => {
    const redactor = createRedactor([SECRET]);
    const text = `before ${dress(SECRET)} after`;
    const left = redactor.redact(text);
    assert.ok(left.includes(MASK), left);
    assert.ok(left.startsWith('before ') && left.endsWith(' after'), left);
    // No recognisable half remains.
    for (const half of [dress(SECRET).slice(8, -8)]) assert.ok(!left.includes(half), left);
  });
}

test('of several lines each is a secret, and short values are none', () => {
  const redactor = createRedactor(['-----BEGIN\nabcdefgh\nxyz\n', 'abc', '']);
  assert.equal(redactor.redact('a: abcdefgh, xyz, abc, -----BEGIN'), `a: ${MASK}, xyz, abc, ${MASK}`);
  assert.equal(createRedactor([]).redact('anything'), 'anything');
});

test('nothing is left of a secret at the end of base64', () => {
  for (const text of ['abcdefgh', 'abcdefghi', 'abcdefghij']) {
    for (const before of ['', 'u', 'uu']) {
      for (const code of ['base64', 'base64url'] as const) {
        const left = createRedactor([text]).redact(Buffer.from(before + text).toString(code));
        assert.match(left, /^\w{0,3}\*\*\*$/);
      }
    }
  }
});

test('the longest secret wins', () => {
  assert.equal(createRedactor(['abcd', 'abcdefgh']).redact('abcdefgh abcde'), `${MASK} ${MASK}e`);
});

test('no secret is left in any text', () => {
  fc.assert(
    fc.property(fc.array(secret, { minLength: 1, maxLength: 4 }), noise, noise, (secrets, before, after) => {
      const redactor = createRedactor(secrets);
      for (const each of secrets) {
        const left = redactor.redact(`${before}${each}${after}`);
        if (!MASK.includes(each))
          assert.ok(left.length < `${before}${each}${after}`.length || left.includes(MASK));
        assert.ok(left.includes(MASK));
      }
    }),
    { numRuns: 200 },
  );
});

test('a stream leaves the same, wherever it is cut', () => {
  const piece = fc.oneof(noise, fc.constantFrom('abcd', 'abcdefgh', 'efgh1234', 'ab', 'cdef', 'gh12'));
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.array(fc.nat(9), { minLength: 1, maxLength: 9 }),
      (pieces, sizes) => {
        const redactor = createRedactor(['abcd', 'abcdefgh', 'efgh1234']);
        const text = pieces.join('');
        const stream = redactor.stream();
        let left = '';
        for (let at = 0, i = 0; at < text.length; i++) {
          const size = (sizes[i % sizes.length] ?? 0) + 1;
          left += stream.take(text.slice(at, at + size));
          at += size;
        }
        left += stream.end();
        assert.equal(left, redactor.redact(text));
      },
    ),
    { numRuns: 1000 },
  );
});

test('a cut never goes through a secret', () => {
  const redactor = createRedactor(['abcdefgh']);
  const text = '0123abcdefgh4567';
  const cuts = [...text].map((_, position) => redactor.cut(text, position));
  assert.deepEqual(cuts, [0, 1, 2, 3, 4, 4, 4, 4, 4, 4, 4, 4, 12, 13, 14, 15]);
});
