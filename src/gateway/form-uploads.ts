/**
 * Uploads by a form of a browser ("POST Object" in the Amazon S3 API reference): who signed the policy in the form,
 * whether the form obeys it, and the PutObject that it means. The file is read only after all of that is proven.
 */

import { createHmac } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Clock } from '#base/clock.ts';
import { fault, type Fault } from '#base/fault.ts';
import { findPolicyBreach, parsePostPolicy, type PostPolicy } from '#core/object/post-policy.ts';
import type { Principal } from '#core/policy/principal.ts';
import { readFormUpload } from '#wire/form-data.ts';
import type { HttpAnswer, HttpRequest } from '#wire/http.ts';
import { ALGORITHM, parseTimestamp } from '#wire/sigv4-claim.ts';
import { isEqual, signingKey } from '#wire/sigv4.ts';
import { readBodyChecks } from './body-checks.ts';
import type { Bodies } from './body.ts';
import type { Exchange } from './exchange.ts';
import type { Identify } from './identify.ts';

export interface FormUploads {
  /** Throws the fault of a form that counts for nothing. */
  open(exchange: Exchange, bucket: string): Promise<OpenedForm>;
}

export interface OpenedForm {
  readonly principal: Principal;
  readonly accessKeyId: string | undefined;
  /** As PutObject reads it. */
  readonly request: HttpRequest;
  readonly labels: { readonly Bucket: string; readonly Key: string };
  /** The file; fails when it is longer or shorter than the policy allows. */
  readonly body: Readable;
  /** Condition keys of the signature. */
  readonly context: Readonly<Record<string, string>>;
  /** What the form asked to be answered. */
  answer(output: { readonly ETag?: string | undefined }, requestId: string): HttpAnswer;
}

export interface FormUploadParts {
  readonly region: string;
  readonly clock: Clock;
  readonly bodies: Bodies;
  readonly identify: Identify;
}

/** A key signs for seven days at most; a policy may end earlier. */
const SIGNATURE_MS_MAX = 7 * 24 * 3_600_000;
const AS_THEY_ARE = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
];
const OF_THE_PROOF = [
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-signature',
  'x-amz-security-token',
];
type Fields = ReadonlyMap<string, string>;

export function createFormUploads(parts: FormUploadParts): FormUploads {
  const { bodies, clock, identify, region } = parts;
  return {
    async open(exchange, bucket) {
      const { request } = exchange;
      const checks = readBodyChecks(request, { type: 'unsigned' }, { isChecked: false, isRequired: false });
      const whole = bodies.open(exchange.body, { payload: { type: 'unsigned' }, seed: undefined, checks });
      const form = await readFormUpload(request.headers['content-type'] ?? '', whole);
      const fields: Fields = new Map([...form.fields, ['bucket', bucket]]);
      const proven = await prove(fields);
      const base = form.fileName.replace(/^.*[/\\]/, '');
      const key = (fields.get('key') ?? '').replaceAll('${filename}', () => base);
      if (key === '')
        throw invalid(
          "Bucket POST must contain a field named 'key'. If it is specified, please check the order of the fields.",
        );
      const body = Readable.from(proven.policy ? within(form.file, proven.policy) : form.file, {
        objectMode: false,
      });
      return {
        ...proven,
        request: { ...request, method: 'PUT', headers: headersOf(fields), rawHeaders: [] },
        labels: { Bucket: bucket, Key: key },
        body,
        answer: createAnswer(fields, `${exchange.endpoint}/${bucket}/${encodeKey(key)}`, { bucket, key }),
      };
    },
  };

  /** Without a policy the form is anybody's, and the policy of the bucket decides. */
  async function prove(fields: Fields) {
    const encoded = fields.get('policy');
    if (fields.has('signature') || fields.has('awsaccesskeyid')) {
      throw fault(
        'InvalidRequest',
        `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
        { status: 400 },
      );
    }
    if (encoded === undefined) {
      const stray = OF_THE_PROOF.find((name) => fields.has(name));
      if (stray !== undefined) throw invalid("Bucket POST must contain a field named 'policy'.");
      return {
        principal: { type: 'anonymous' } as const,
        accessKeyId: undefined,
        policy: undefined,
        context: {},
      };
    }
    const { accessKeyId, date, at } = readCredential(fields);
    const { principal, secretAccessKey } = await identify(accessKeyId, fields.get('x-amz-security-token'));
    const key = signingKey(secretAccessKey, date, region, 's3');
    const expected = createHmac('sha256', key).update(encoded).digest('hex');
    if (!isEqual(expected, fields.get('x-amz-signature') ?? '')) {
      throw fault(
        'InvalidSignatureException',
        'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
        {
          members: {
            AWSAccessKeyId: accessKeyId,
            StringToSign: encoded,
            SignatureProvided: fields.get('x-amz-signature'),
          },
        },
      );
    }
    const now = clock.now();
    if (now > at + SIGNATURE_MS_MAX) throw denied('Policy expired.');
    const policy = parsePostPolicy(Buffer.from(encoded, 'base64').toString('utf8'));
    if ('problem' in policy) {
      throw fault('InvalidPolicyDocument', `Invalid Policy: ${policy.problem}`, { status: 400 });
    }
    const breach = findPolicyBreach(policy, fields, now);
    if (breach !== undefined) throw denied(breach);
    const context = {
      's3:signatureversion': ALGORITHM,
      's3:authType': 'POST',
      's3:signatureAge': String(Math.max(0, now - at)),
    };
    return { principal, accessKeyId, policy, context };
  }

  function readCredential(fields: Fields) {
    const required = (name: string) => {
      const value = fields.get(name);
      if (value === undefined) throw invalid(`Bucket POST must contain a field named '${name}'.`);
      return value;
    };
    if (required('x-amz-algorithm') !== ALGORITHM)
      throw invalid(`X-Amz-Algorithm only supports "${ALGORITHM}".`);
    const timestamp = required('x-amz-date');
    const at = parseTimestamp(timestamp);
    const [accessKeyId = '', date, scopeRegion, service, end, ...rest] =
      required('x-amz-credential').split('/');
    const isScope = service === 's3' && end === 'aws4_request' && rest.length === 0;
    if (at === undefined || !isScope || date !== timestamp.slice(0, 8)) {
      throw invalid('The Credential must be <key>/<date of X-Amz-Date>/<region>/s3/aws4_request.');
    }
    if (scopeRegion !== region) {
      throw invalid(
        `The credential scope names the region ${JSON.stringify(scopeRegion)}; expecting '${region}'.`,
      );
    }
    return { accessKeyId, date, at };
  }
}

/** Fields that mean headers of PutObject; what else a form may have is not handed on. */
function headersOf(fields: Fields): Record<string, string> {
  if (fields.has('tagging')) {
    throw fault('NotImplemented', 'Tags in a form are not implemented.', { status: 501 });
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of fields) {
    if (OF_THE_PROOF.includes(name)) continue;
    if (AS_THEY_ARE.includes(name) || name.startsWith('x-amz-')) headers[name] = value;
    else if (name === 'acl') headers['x-amz-acl'] = value;
  }
  return headers;
}

async function* within(
  file: AsyncGenerator<Buffer>,
  { bytesMin, bytesMax }: PostPolicy,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of file) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw fault('EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size', {
        status: 400,
        members: { MaxSizeAllowed: bytesMax },
      });
    }
    yield chunk;
  }
  if (bytes < bytesMin) {
    throw fault('EntityTooSmall', 'Your proposed upload is smaller than the minimum allowed size', {
      status: 400,
      members: { ProposedSize: bytes, MinSizeAllowed: bytesMin },
    });
  }
}

function createAnswer(
  fields: Fields,
  location: string,
  { bucket, key }: { readonly bucket: string; readonly key: string },
): OpenedForm['answer'] {
  const redirect = fields.get('success_action_redirect') ?? fields.get('redirect');
  const status = fields.get('success_action_status');
  return ({ ETag = '' }, requestId) => {
    const headers = { etag: ETag, location, 'x-amz-request-id': requestId };
    if (redirect !== undefined && URL.canParse(redirect) && /^https?:/.test(redirect)) {
      const url = new URL(redirect);
      for (const [name, value] of Object.entries({ bucket, key, etag: ETag }))
        url.searchParams.append(name, value);
      return {
        status: 303,
        headers: { ...headers, location: url.href, 'content-length': '0' },
        body: undefined,
      };
    }
    if (status === '201') {
      const body = Buffer.from(
        `<?xml version="1.0" encoding="UTF-8"?>\n<PostResponse><Location>${escape(location)}</Location>` +
          `<Bucket>${escape(bucket)}</Bucket><Key>${escape(key)}</Key><ETag>${escape(ETag)}</ETag></PostResponse>`,
      );
      const type = { 'content-type': 'application/xml', 'content-length': String(body.length) };
      return { status: 201, headers: { ...headers, ...type }, body };
    }
    return status === '200'
      ? { status: 200, headers: { ...headers, 'content-length': '0' }, body: undefined }
      : { status: 204, headers, body: undefined };
  };
}

function escape(text: string): string {
  return text.replace(/[&<>"\r\n]/g, (each) => `&#${each.charCodeAt(0)};`);
}

function encodeKey(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/');
}

function invalid(message: string): Fault {
  return fault('InvalidArgument', message, { status: 400 });
}

function denied(why: string): Fault {
  return fault('AccessDeniedException', `Invalid according to Policy: ${why}`);
}
