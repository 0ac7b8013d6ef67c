/** Documents as they are read: names, bounds, and what must never expand. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadModel } from './model.ts';
import type { StructureShape } from './model.ts';
import { escapeXml, readXmlDocument } from './xml.ts';

function read(xml: string): Record<string, unknown> {
  return readXmlDocument(loadModel('s3').shapes.get('Delete') as StructureShape, Buffer.from(xml));
}

function refuses(xml: string, reason: RegExp): void {
  assert.throws(() => read(xml), { code: 'SerializationException', message: reason });
}

test('elements are read by their names, whatever namespace and root they have', () => {
  const xml =
    '<?xml version="1.0"?><x:Anything xmlns:x="urn:x"><x:Quiet>true</x:Quiet>' +
    '<Object><Key>a &amp; b</Key></Object><Object><Key><![CDATA[<c>]]></Key></Object><Unknown/></x:Anything>';
  assert.deepEqual(read(xml), { Quiet: true, Objects: [{ Key: 'a & b' }, { Key: '<c>' }] });
});

test('document types are refused before anything expands', () => {
  const entity = '<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]><Delete>&c;</Delete>';
  refuses(entity, /a document type is not allowed/);
  refuses('<!DOCTYPE a SYSTEM "file:///etc/passwd"><Delete/>', /a document type is not allowed/);
  refuses('<Delete>&unknown;</Delete>', /not well-formed/);
});

test('documents are bounded in size, depth and elements', () => {
  refuses('<a>'.repeat(1000), /deeper than 64 levels/);
  refuses(`<a>${'<!-- </a> --><b>'.repeat(1000)}`, /deeper than 64 levels/);
  refuses(`<a>${'<b x="/>">'.repeat(1000)}`, /deeper than 64 levels/);
  refuses(`<a>${'<![CDATA[</a>]]><b>'.repeat(1000)}`, /deeper than 64 levels/);
  refuses(`<a>${'<b/>'.repeat(100_001)}</a>`, /more than 100000 elements/);
  refuses(' '.repeat(5 * 1024 * 1024), /more than 4194304 bytes/);
});

test('what is not well-formed is refused', () => {
  for (const xml of ['<a', '<a><b></a>', 'x', '<a/><b/>', '<a b=c/>', '<!-- ', '<a x="'])
    refuses(xml, /not well-formed|no root/);
});

test('values of a wrong type are refused', () => {
  refuses('<Delete><Quiet>maybe</Quiet></Delete>', /a value is no boolean/);
});

test('control characters leave as references, so that answers stay well-formed', () => {
  assert.equal(escapeXml('a<b>&"\u0001\r\n\t'), 'a&lt;b&gt;&amp;&quot;&#x1;&#xd;\n\t');
});
