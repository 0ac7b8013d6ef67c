/** How the file of a log becomes lines: nothing is lost, and no secret is seen, also where a line is cut. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { maskedPieces } from './build-log.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-build-log-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const LINE_BYTES_MAX = 256 * 1024;
const SECRET = 'a-secret-of-ümlauts-and-32-bytes';

function linesOf(text: string | Buffer, secrets: readonly string[] = [SECRET]): string[] {
  const file = join(folder, 'log');
  writeFileSync(file, text);
  return [...maskedPieces(file, secrets)].join('').split(/(?<=\n)/);
}

test('a secret at the place where a long line is cut stays whole, and masked', () => {
  for (const before of [1, 5, 20, 31, 33, 34, 40]) {
    const long = 'x'.repeat(LINE_BYTES_MAX - before);
    for (const end of ['', '\n', `${'y'.repeat(300_000)}\n`, 'z'.repeat(900_000)]) {
      const all = linesOf(`first\n${long}${SECRET}${end}`);
      assert.equal(all[0], 'first\n');
      const text = all
        .slice(1)
        .map((line) => line.slice(0, -1))
        .join('');
      assert.equal(text, `${long}***${end.trimEnd()}`);
    }
  }
});

test('bytes that are no text, of a line that is too long, all come', () => {
  const all = linesOf(Buffer.alloc(1_000_000, 0xc3));
  assert.equal(all.map((line) => line.slice(0, -1)).join('').length, 1_000_000);
});

test('access keys are masked without anybody naming them', () => {
  assert.deepEqual(linesOf('key AKIAIOSFODNN7EXAMPLE.\n'), ['key ***.\n']);
});
