/**
 * How a variable names a secret: `<id or ARN>[:<JSON key>[:<version stage>[:<version id>]]]`, where fields in the
 * middle may be empty and an ARN has colons of its own.
 * https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html#build-spec.env.secrets-manager
 */

export interface SecretReference {
  readonly id: string;
  /** Absent for the whole secret. */
  readonly key?: string;
  readonly stage?: string;
  readonly version?: string;
}

/** An ARN of a secret has seven fields. */
const ARN_FIELDS = 7;

/** `undefined` when the text is none. */
export function parseSecretReference(text: string): SecretReference | undefined {
  const fields = text.split(':');
  const length = text.startsWith('arn:') ? ARN_FIELDS : 1;
  const id = fields.slice(0, length).join(':');
  const [key = '', stage = '', version = '', ...more] = fields.slice(length);
  if (id === '' || fields.length < length || more.length > 0 || (stage !== '' && version !== ''))
    return undefined;
  return {
    id,
    ...(key === '' ? {} : { key }),
    ...(stage === '' ? {} : { stage }),
    ...(version === '' ? {} : { version }),
  };
}

/** The value that a key has in a secret of JSON; `undefined` when there is none. */
export function valueInSecret(secret: string, key: string): string | undefined {
  let json: unknown;
  try {
    json = JSON.parse(secret);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  if (typeof json !== 'object' || json === null || !Object.hasOwn(json, key)) return undefined;
  const value = (json as Record<string, unknown>)[key];
  return typeof value === 'string' ? value : JSON.stringify(value);
}
