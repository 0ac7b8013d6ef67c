import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FLUSH, MalformedPush, parseCommandList, pktLine, refusalReport } from './pkt-line.ts';

const A = 'a'.repeat(40);
const ZERO = '0'.repeat(40);

test('a command list is read as soon as its flush is here, whatever the pieces', () => {
  const list = Buffer.concat([
    pktLine(`shallow ${A}\n`),
    pktLine(`${ZERO} ${A} refs/heads/main\0 report-status side-band-64k agent=git/2`),
    pktLine(`${A} ${ZERO} refs/heads/old`),
    FLUSH,
  ]);
  const expected = {
    commands: [
      { name: 'refs/heads/main', oldId: undefined, newId: A },
      { name: 'refs/heads/old', oldId: A, newId: undefined },
    ],
    capabilities: new Set(['report-status', 'side-band-64k', 'agent=git/2']),
  };
  for (let end = 0; end < list.length; end++)
    assert.equal(parseCommandList(list.subarray(0, end)), undefined);
  assert.deepEqual(parseCommandList(list), expected);
  assert.deepEqual(parseCommandList(Buffer.concat([list, Buffer.from('PACK…')])), expected);
});

test('nonsense is refused and never loops', () => {
  for (const text of ['zzzz', '0003', 'ffff', '000ano spaces0000']) {
    try {
      assert.equal(parseCommandList(Buffer.from(text)), undefined);
    } catch (error) {
      assert.ok(error instanceof MalformedPush);
    }
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        parseCommandList(Buffer.from(bytes));
      } catch (error) {
        assert.ok(error instanceof MalformedPush);
      }
    }),
  );
});

test('a refusal has a line for each reference, in the band that the client asked for', () => {
  const commands = [{ name: 'refs/heads/main', oldId: undefined, newId: A }];
  const plain = refusalReport({ commands, capabilities: new Set(['report-status']) }, () => 'no', 'why');
  assert.equal(plain.toString(), '000eunpack ok\n001ang refs/heads/main no\n0000');
  const banded = refusalReport(
    { commands, capabilities: new Set(['report-status', 'side-band-64k']) },
    () => 'no',
    'why',
  );
  assert.equal(
    banded.toString(),
    `0009\x02why\n${(plain.length + 5).toString(16).padStart(4, '0')}\x01${plain}0000`,
  );
});
