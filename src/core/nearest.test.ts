/** Slips of the finger are recognized; other names are not taken for slips. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nearest } from './nearest.ts';

const NAMES = ['ProjectName', 'PrimarySource', 'BuildspecOverride', 'Owner'];

test('a letter that is missing, too many, wrong, swapped or of the other case', () => {
  for (const slip of ['ProjectNam', 'ProjjectName', 'ProjectNane', 'ProjectNmae', 'projectname']) {
    assert.equal(nearest(slip, NAMES), 'ProjectName', slip);
  }
});

test('what is not near to anything is left alone', () => {
  for (const name of ['Color', 'x', '', 'Project']) assert.equal(nearest(name, NAMES), undefined, name);
});

test('it answers one of the names, another one than was given', () => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string()), (name, names) => {
      const found = nearest(name, names);
      assert.ok(found === undefined || (names.includes(found) && found !== name));
    }),
  );
});
