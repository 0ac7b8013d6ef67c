import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readXmlTree, XmlRefused } from './xml-tree.ts';

const BOUNDS = { elementsMax: 1000, depthMax: 10 };

test('a document becomes a tree of names, attributes and texts', () => {
  const tree = readXmlTree(
    '<?xml version="1.0"?><a:r x="&lt;1"><b>one<![CDATA[ & two]]></b><b/></a:r>',
    BOUNDS,
  );
  assert.equal(tree.name, 'r');
  assert.deepEqual({ ...tree.attributes }, { x: '<1' });
  assert.deepEqual(
    tree.children.map(({ name, text }) => [name, text]),
    [
      ['b', 'one & two'],
      ['b', ''],
    ],
  );
});

test('a document type is passed over, and one that declares anything is refused', () => {
  const outside = '<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd"><report/>';
  assert.equal(readXmlTree(outside, BOUNDS).name, 'report');
  const inside = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>';
  assert.throws(() => readXmlTree(inside, BOUNDS), {
    name: 'XmlRefused',
    message: 'a document type with declarations is not allowed',
  });
  assert.throws(() => readXmlTree('<a>&x;</a>', BOUNDS), XmlRefused);
});

test('documents beyond a bound are refused before they are parsed', () => {
  assert.throws(() => readXmlTree('<a>'.repeat(11), BOUNDS), {
    message: 'it is nested deeper than 10 levels',
  });
  assert.throws(() => readXmlTree(`<a>${'<b/>'.repeat(1000)}</a>`, BOUNDS), {
    message: 'it has more than 1000 elements',
  });
});

test('any text gives a tree or a refusal', () => {
  const piece = fc.constantFrom(
    '<a>',
    '</a>',
    '<b x="',
    '"',
    '/>',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<!DOCTYPE a',
    '<?',
    '?>',
    '&amp;',
    '&',
    '>',
    'x',
    ' ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      try {
        readXmlTree(pieces.join(''), BOUNDS);
      } catch (error) {
        assert.ok(error instanceof XmlRefused);
      }
    }),
  );
});
