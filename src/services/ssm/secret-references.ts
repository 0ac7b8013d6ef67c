/**
 * Parameters that stand for secrets of Secrets Manager: `/aws/reference/secretsmanager/NAME`, with a version or a stage
 * behind a colon. They are read there, as the caller. See "Referencing AWS Secrets Manager secrets from Parameter Store
 * parameters" in the Systems Manager User Guide.
 */

import type { Parameter } from '@aws-sdk/client-ssm';
import { fault, isFault } from '#base/fault.ts';
import type { Call, Permission } from '#services/service.ts';
import { invalid, parameterArn, type Room } from './room.ts';

const PREFIX = '/aws/reference/secretsmanager/';
/** Ids of versions are at least this long; names of stages hardly are. */
const VERSION_ID_LENGTH_MIN = 32;

export interface SecretParameter {
  readonly text: string;
  /** Without what follows the colon. */
  readonly name: string;
  readonly selector: string | undefined;
}

/** `undefined` for any other parameter. */
export function secretParameterOf(text: string): SecretParameter | undefined {
  if (!text.startsWith(PREFIX)) return undefined;
  const mark = text.indexOf(':');
  if (mark < 0) return { text, name: text, selector: undefined };
  return { text, name: text.slice(0, mark), selector: text.slice(mark + 1) };
}

export function secretParameterPermission(
  { house }: Room,
  action: string,
  { name }: SecretParameter,
): Permission {
  return { action: `ssm:${action}`, resource: parameterArn(house, name) };
}

export async function readSecretParameter(
  call: Call,
  { name, selector }: SecretParameter,
  isOpen: boolean | undefined,
): Promise<Parameter> {
  if (isOpen !== true) {
    throw invalid('WithDecryption flag must be True for retrieving a Secret Manager secret.');
  }
  const { SecretBinary, ...secret } = await readSecret(call, name.slice(PREFIX.length), selector);
  return {
    Name: name,
    Type: 'SecureString',
    Value: secret.SecretString ?? Buffer.from(SecretBinary ?? []).toString('base64'),
    Version: 0,
    ...(selector === undefined ? {} : { Selector: `:${selector}` }),
    SourceResult: JSON.stringify(secret),
    ...(secret.CreatedDate ? { LastModifiedDate: secret.CreatedDate } : {}),
    ...(secret.ARN === undefined ? {} : { ARN: secret.ARN }),
    DataType: 'text',
  };
}

async function readSecret(call: Call, SecretId: string, selector: string | undefined) {
  const isVersion = selector !== undefined && selector.length >= VERSION_ID_LENGTH_MIN;
  try {
    return await call.send('secretsmanager:GetSecretValue', {
      SecretId,
      ...(isVersion ? { VersionId: selector } : {}),
      ...(selector === undefined || isVersion ? {} : { VersionStage: selector }),
    });
  } catch (error) {
    if (!isFault(error, 'ResourceNotFoundException')) throw error;
    throw fault('ParameterNotFound', error.message, { cause: error });
  }
}
