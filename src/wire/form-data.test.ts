import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readFormUpload } from './form-data.ts';

const TYPE = 'multipart/form-data; boundary=XX';
async function* inChunks(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let i = 0; i < bytes.length; i += size) yield bytes.subarray(i, i + size);
}
function form(fields: readonly (readonly [string, string])[], file: Buffer, rest = '--\r\n'): Buffer {
  const part = (name: string, more: string) =>
    `--XX\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n`;
  const head = fields.map(([name, value]) => `${part(name, '')}${value}\r\n`).join('');
  return Buffer.concat([
    Buffer.from(head + part('file', '; filename="a b.txt"\r\nContent-Type: x/y')),
    file,
    Buffer.from(`\r\n--XX${rest}`),
  ]);
}
async function read(bytes: Buffer, size: number, type = TYPE) {
  const { fields, fileName, file } = await readFormUpload(type, inChunks(bytes, size));
  const content: Buffer[] = [];
  for await (const chunk of file) content.push(chunk);
  return { fields: [...fields], fileName, content: Buffer.concat(content) };
}

test('fields and file come back, however the bytes are cut', async () => {
  const name = fc.stringMatching(/^[a-z-]{1,10}$/).filter((each) => each !== 'file');
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .array(fc.constantFrom('\r', '\n', '-', 'X', '\r\n--X', 'a'), { maxLength: 40 })
      .map((parts) => Buffer.from(parts.join(''))),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(name, fc.stringMatching(/^[ -~]{0,20}$/)), {
        maxLength: 5,
        selector: ([key]) => key,
      }),
      bytes,
      fc.integer({ min: 1, max: 50 }),
      async (fields, content, size) => {
        const file = Buffer.from(content);
        fc.pre(!file.includes('\r\n--XX') && !fields.some(([, value]) => value.includes('--XX')));
        const found = await read(form(fields, file), size);
        assert.deepEqual(found.fields, fields);
        assert.equal(found.fileName, 'a b.txt');
        assert.deepEqual(found.content, file);
      },
    ),
  );
});

test('what stands behind the file is passed over', async () => {
  const found = await read(
    form([], Buffer.from('f'), '\r\nContent-Disposition: form-data; name="late"\r\n\r\nx\r\n--XX--'),
    7,
  );
  assert.deepEqual(found, { fields: [], fileName: 'a b.txt', content: Buffer.from('f') });
});

test('broken, endless and foreign forms are refused', async () => {
  const whole = form([['key', 'k']], Buffer.from('content'));
  for (const cut of [0, 5, 40, 70, whole.length - 8]) {
    await assert.rejects(read(whole.subarray(0, cut), 11), { code: 'MalformedPOSTRequest' });
  }
  await assert.rejects(read(whole, 11, 'multipart/form-data'), /boundary of the form is missing/);
  await assert.rejects(read(Buffer.from('--XX\r\nContent-Type: a/b\r\n\r\nx\r\n--XX--'), 9), /has no name/);
  await assert.rejects(
    read(Buffer.from('--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--XX--\r\n'), 9),
    {
      code: 'InvalidArgument',
    },
  );
  await assert.rejects(read(form([['key', 'x'.repeat(30_000)]], Buffer.from('f')), 4096), {
    code: 'MaxPostPreDataLengthExceededError',
  });
  await assert.rejects(read(Buffer.alloc(100_000, 'x'), 4096), { code: 'MaxPostPreDataLengthExceededError' });
});
