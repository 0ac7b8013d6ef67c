import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onTerminal } from './run-log.ts';

test('colours of a build stay and end with their line', () => {
  assert.equal(onTerminal('\u001b[32mgreen\u001b[0m\n'), '\u001b[32mgreen\u001b[0m\u001b[0m\n');
  assert.equal(onTerminal('plain\ttext\n'), 'plain\ttext\n');
});

test('nothing else steers the terminal: no cursor, no title, no bell', () => {
  assert.equal(
    onTerminal('a\u001b[2Jb\u001b]0;title\u0007c\u0007d\u009b1me\u001bcf\n').replace(/\u001b\[0m/, ''),
    'abcd1mef\n',
  );
});

test('of a line that was written over and over the last state is shown', () => {
  assert.equal(onTerminal('10 %\r50 %\r100 %\r\n'), '100 %\n');
});
