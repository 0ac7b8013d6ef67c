/**
 * `multipart/form-data` with one file behind its fields, as browsers send it (RFC 7578): the fields are read whole and
 * bounded, the file is a stream. Nothing is searched twice, whatever the bytes are.
 */

import { fault, type Fault } from '#base/fault.ts';

export interface FormUpload {
  /** Names in lower case; the last of a name counts. */
  readonly fields: ReadonlyMap<string, string>;
  /** What the browser calls the file; empty when it does not. */
  readonly fileName: string;
  /** Ends where the file ends; throws when the form breaks off. */
  readonly file: AsyncGenerator<Buffer>;
}

/** All that stands before the file, as S3 limits it. */
const HEAD_BYTES_MAX = 20_000;
const BOUNDARY = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i;
const BLANK_LINE = Buffer.from('\r\n\r\n');

/** Whether a request is such a form. */
export function isFormUpload(method: string, contentType: string | undefined): boolean {
  return method === 'POST' && /^multipart\/form-data\b/i.test(contentType ?? '');
}

/** Reads up to the file. Throws a fault for what is no such form. */
export async function readFormUpload(contentType: string, body: AsyncIterable<Buffer>): Promise<FormUpload> {
  const [, quoted, plain] = BOUNDARY.exec(contentType) ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw malformed('The boundary of the form is missing.');
  const chunks = body[Symbol.asyncIterator]();
  const delimiter = Buffer.from(`\r\n--${boundary}`);
  // So that the first boundary, at the very beginning, looks like all others.
  let held = Buffer.from('\r\n');
  let read = 0;
  const more = async () => {
    const { done, value } = await chunks.next();
    if (done) throw malformed('The form breaks off.');
    read += value.length;
    held = Buffer.concat([held, value]);
  };
  const find = async (what: Buffer, from: number): Promise<number> => {
    for (let start = from; ;) {
      const at = held.indexOf(what, start);
      if (at >= 0) return at;
      if (read > HEAD_BYTES_MAX) throw tooLong();
      start = Math.max(from, held.length - what.length + 1);
      await more();
    }
  };

  const fields = new Map<string, string>();
  await find(delimiter, 0);
  for (;;) {
    const begin = (await find(delimiter, 0)) + delimiter.length;
    while (held.length < begin + 2) await more();
    if (held.toString('latin1', begin, begin + 2) === '--') throw fileMissing();
    const end = await find(BLANK_LINE, begin);
    const { name, fileName } = dispositionOf(held.toString('utf8', begin, end));
    const content = end + BLANK_LINE.length;
    if (name === 'file') {
      return {
        fields,
        fileName: fileName ?? '',
        file: untilDelimiter(held.subarray(content), chunks, delimiter),
      };
    }
    const stop = await find(delimiter, content);
    fields.set(name, held.toString('utf8', content, stop));
    held = held.subarray(stop);
  }
}

/** What comes before the delimiter; the rest is read and forgotten, so that the answer finds its way. */
async function* untilDelimiter(
  first: Buffer,
  chunks: AsyncIterator<Buffer>,
  delimiter: Buffer,
): AsyncGenerator<Buffer> {
  let held = first;
  for (;;) {
    const at = held.indexOf(delimiter);
    if (at >= 0) {
      if (at > 0) yield held.subarray(0, at);
      while (!(await chunks.next()).done);
      return;
    }
    // The end of what is held may be the beginning of the delimiter.
    const sure = held.length - delimiter.length + 1;
    if (sure > 0) yield held.subarray(0, sure);
    const { done, value } = await chunks.next();
    if (done) throw malformed('The form breaks off.');
    held = Buffer.concat([held.subarray(Math.max(0, sure)), value]);
  }
}

function dispositionOf(head: string): { readonly name: string; readonly fileName: string | undefined } {
  const line = /^content-disposition:\s*form-data\b(.*)$/im.exec(head)?.[1] ?? '';
  const member = (name: string) => new RegExp(`;\\s*${name}="((?:[^"\\\\]|\\\\.)*)"`, 'i').exec(line)?.[1];
  const name = member('name');
  if (name === undefined) throw malformed('A part of the form has no name.');
  return { name: name.toLowerCase(), fileName: member('filename') };
}

function malformed(why: string): Fault {
  return fault(
    'MalformedPOSTRequest',
    `The body of your POST request is not well-formed multipart/form-data. ${why}`,
    {
      status: 400,
    },
  );
}

function tooLong(): Fault {
  return fault(
    'MaxPostPreDataLengthExceededError',
    'Your POST request fields preceding the upload file were too large.',
    {
      status: 400,
    },
  );
}

function fileMissing(): Fault {
  return fault('InvalidArgument', 'POST requires exactly one file upload per request.', { status: 400 });
}
