import assert from 'node:assert/strict';
import { test } from 'node:test';
import { total } from '../basket.js';

test('an empty basket costs nothing', () => assert.equal(total([]), 0));
test('a basket costs what is in it', () => assert.equal(total(['apple', 'pear']), 75));
