/** Values: of one parameter, of several, and of all below a path. Secure strings are opened by KMS as the caller. */

import type { Parameter } from '@aws-sdk/client-ssm';
import { fault, isFault } from '#base/fault.ts';
import { readFilters } from '#core/parameter/filter.ts';
import { isBelow, isPath } from '#core/parameter/name.ts';
import type { Call, Handler, Permission } from '#services/service.ts';
import { locate, permissionFor, readVersion, requireVersion, type Found } from './finding.ts';
import { createToken, readToken, walk, type Latest } from './paging.ts';
import { invalid, parameterArn, parameterNotFound, type Room } from './room.ts';
import { decryptValue, openRow } from './sealing.ts';
import { readSecretParameter, secretParameterOf, secretParameterPermission } from './secret-references.ts';
import { withTables, type VersionRow } from './tables.ts';

/** Parameters that AWS publishes about itself. */
const PUBLIC = /^\/aws\/(?:service|reference)\//;
const PATH_PAGE = 10;

interface Wanted {
  readonly text: string;
  readonly permission: Permission;
  read(call: Call, isOpen: boolean | undefined): Promise<Parameter>;
}

export function readingOperations(room: Room) {
  const { house } = room;

  const GetParameter: Handler<'ssm', 'GetParameter'> = async (call, input) => {
    const [wanted] = await prepare('GetParameter', [input.Name ?? '']);
    await call.authorize(...(wanted ? [wanted.permission] : []));
    return { Parameter: await wanted?.read(call, input.WithDecryption) };
  };

  const GetParameters: Handler<'ssm', 'GetParameters'> = async (call, input) => {
    const all = await prepare('GetParameters', [...new Set(input.Names ?? [])]);
    await call.authorize(...all.map(({ permission }) => permission));
    const Parameters: Parameter[] = [];
    const InvalidParameters: string[] = [];
    for (const { text, read } of all) {
      const found = await read(call, input.WithDecryption).catch((error: unknown) => {
        if (isFault(error, 'ParameterNotFound') || isFault(error, 'ParameterVersionNotFound'))
          return undefined;
        throw error;
      });
      if (found) Parameters.push(found);
      else InvalidParameters.push(text);
    }
    return { Parameters, InvalidParameters };
  };

  /** What each text means: what must be allowed for it, and how it is read then. */
  async function prepare(action: string, texts: readonly string[]): Promise<readonly Wanted[]> {
    return Promise.all(
      texts.map(async (text): Promise<Wanted> => {
        const secret = secretParameterOf(text);
        if (secret) {
          const permission = secretParameterPermission(room, action, secret);
          return { text, permission, read: (call, isOpen) => readSecretParameter(call, secret, isOpen) };
        }
        const target = await locate(room, text);
        return {
          text,
          permission: permissionFor(action, target),
          read: async (call, isOpen) => {
            if (PUBLIC.test(text)) throw publicFault(text);
            return viewValue(call, await requireVersion(room, target), isOpen);
          },
        };
      }),
    );
  }

  const GetParametersByPath: Handler<'ssm', 'GetParametersByPath'> = async (call, input) => {
    const path = input.Path ?? '';
    const recursive = input.Recursive === true;
    const context = { 'ssm:Recursive': String(recursive) };
    const arn = parameterArn(house, path);
    await call.authorize({ action: 'ssm:GetParametersByPath', resource: arn, context });
    if (PUBLIC.test(`${path}/`)) throw publicFault(path);
    if (!isPath(path)) {
      throw invalid(
        'The parameter doesn\'t meet the parameter name requirements. The parameter name must begin with a forward slash "/".',
      );
    }
    const filters = readFilters(input.ParameterFilters ?? [], ['Type', 'KeyId', 'Label']);
    const list = ['GetParametersByPath', path, recursive, input.ParameterFilters ?? []];
    const after = readToken(house, list, input.NextToken)?.[0];
    const size = input.MaxResults ?? PATH_PAGE;
    const Parameters: Parameter[] = [];
    for await (const row of walk(
      house.database.read,
      after === undefined ? undefined : String(after),
      path,
    )) {
      if (!isBelow(row.name, path, recursive)) continue;
      const version = await chooseVersion(row, filters.labels);
      if (!version || !filters.fits(filtered(row, version))) continue;
      if (Parameters.length === size) {
        return { Parameters, NextToken: createToken(house, list, [Parameters.at(-1)?.Name ?? '']) };
      }
      Parameters.push(await viewValue(call, { row, version, selector: undefined }, input.WithDecryption));
    }
    return { Parameters };
  };

  /** A filter by label asks for the version that has it. */
  async function chooseVersion(row: Latest, labels: readonly string[]): Promise<VersionRow | undefined> {
    const { read } = house.database;
    if (labels.length === 0) return readVersion(read, row, row.version);
    const label = await withTables(read)
      .selectFrom('ssm_label')
      .select('version')
      .where('parameter_id', '=', row.parameter_id)
      .where('label', 'in', [...labels])
      .orderBy('version', 'desc')
      .executeTakeFirst();
    return label && readVersion(read, row, label.version);
  }

  async function viewValue(
    call: Call,
    { row, version, selector }: Found,
    isOpen: boolean | undefined,
  ): Promise<Parameter> {
    const arn = parameterArn(house, row.name);
    return {
      Name: row.name,
      Type: version.type as NonNullable<Parameter['Type']>,
      Value: await valueOf(room, call, arn, version, isOpen === true),
      Version: version.version,
      ...(selector === undefined ? {} : { Selector: selector }),
      LastModifiedDate: new Date(version.modified_at),
      ARN: arn,
      DataType: version.data_type,
    };
  }

  return { GetParameter, GetParameters, GetParametersByPath };
}

/** In clear, or for a secure string that is not to be opened its ciphertext. */
export async function valueOf(
  { house }: Room,
  call: Call,
  arn: string,
  version: VersionRow,
  isOpen: boolean,
): Promise<string> {
  const stored = openRow(house, version);
  return version.type === 'SecureString' && isOpen ? decryptValue(call, arn, version.tier, stored) : stored;
}

/** As filters look at it. */
export function filtered(
  row: { readonly name: string; readonly tags: string },
  version: Omit<VersionRow, 'value'>,
) {
  return {
    name: row.name,
    type: version.type,
    keyId: version.key_id ?? undefined,
    tier: version.tier,
    dataType: version.data_type,
    tags: JSON.parse(row.tags) as Record<string, string>,
  };
}

/** Never an empty answer: whoever asks for an image would take it for a fact. */
function publicFault(text: string): Error {
  const { message } = parameterNotFound(text);
  return fault('ParameterNotFound', `${message} Slipway has none of the public parameters of AWS.`);
}
