/** What is known of parameters besides their values, and the history of one. */

import type { ParameterHistory, ParameterInlinePolicy, ParameterMetadata } from '@aws-sdk/client-ssm';
import { readFilters, type FilterInput } from '#core/parameter/filter.ts';
import type { ParameterPolicy } from '#core/parameter/policy.ts';
import type { Call, Handler } from '#services/service.ts';
import { requireParameter } from './finding.ts';
import { createToken, readToken, walk, type Latest } from './paging.ts';
import { filtered, valueOf } from './reading.ts';
import { invalid, parameterArn, type Room } from './room.ts';
import { withTables, type VersionRow } from './tables.ts';

type Ssm<Operation extends string> = Handler<'ssm', Operation>;

const PAGE = 50;
const KEYS = ['Name', 'Path', 'Type', 'KeyId', 'Tier', 'DataType', 'tag'];

export function describingOperations(room: Room) {
  const { house } = room;

  const DescribeParameters: Ssm<'DescribeParameters'> = async (_call, input) => {
    const older = input.Filters ?? [];
    const newer = input.ParameterFilters ?? [];
    if (older.length > 0 && newer.length > 0) {
      throw invalid('You can use either Filters or ParameterFilters in a single request.');
    }
    // The older ones have no options; they mean what a value begins with.
    const wanted: readonly FilterInput[] =
      newer.length > 0 ? newer : older.map((filter) => ({ ...filter, Option: 'BeginsWith' }));
    const filters = readFilters(wanted, KEYS);
    // Nobody shares parameters with this account: there is no other one.
    if (input.Shared === true) return { Parameters: [] };
    const list = ['DescribeParameters', wanted];
    const after = readToken(house, list, input.NextToken)?.[0];
    const size = input.MaxResults ?? PAGE;
    const Parameters: ParameterMetadata[] = [];
    for await (const row of walk(
      house.database.read,
      after === undefined ? undefined : String(after),
      undefined,
    )) {
      if (!filters.fits(filtered(row, row))) continue;
      if (Parameters.length === size) {
        return { Parameters, NextToken: createToken(house, list, [Parameters.at(-1)?.Name ?? '']) };
      }
      Parameters.push({ ARN: parameterArn(house, row.name), ...describe(row.name, row) });
    }
    return { Parameters };
  };

  const GetParameterHistory: Ssm<'GetParameterHistory'> = async (call, input) => {
    const row = await requireParameter(room, call, 'GetParameterHistory', input.Name);
    const list = ['GetParameterHistory', row.parameter_id];
    const after = Number(readToken(house, list, input.NextToken)?.[0] ?? 0);
    const size = input.MaxResults ?? PAGE;
    const rows = withTables(house.database.read);
    const versions = await rows
      .selectFrom('ssm_version')
      .selectAll()
      .where('parameter_id', '=', row.parameter_id)
      .where('version', '>', after)
      .orderBy('version')
      .limit(size + 1)
      .execute();
    const labels = await rows
      .selectFrom('ssm_label')
      .select(['label', 'version'])
      .where('parameter_id', '=', row.parameter_id)
      .orderBy('label')
      .execute();
    const Parameters: ParameterHistory[] = [];
    for (const version of versions.slice(0, size)) {
      const own = labels.filter((label) => label.version === version.version).map(({ label }) => label);
      Parameters.push(await viewVersion(call, row.name, version, own, input.WithDecryption));
    }
    const last = versions.length > size ? Parameters.at(-1)?.Version : undefined;
    return { Parameters, ...(last === undefined ? {} : { NextToken: createToken(house, list, [last]) }) };
  };

  async function viewVersion(
    call: Call,
    name: string,
    version: VersionRow,
    Labels: string[],
    isOpen: boolean | undefined,
  ): Promise<ParameterHistory> {
    const Value = await valueOf(room, call, parameterArn(house, name), version, isOpen === true);
    return { ...describe(name, version), Value, Labels };
  }

  return { DescribeParameters, GetParameterHistory };
}

function describe(name: string, version: Omit<VersionRow, 'value'> | Latest) {
  const { key_id, description, allowed_pattern } = version;
  return {
    Name: name,
    Type: version.type as NonNullable<ParameterMetadata['Type']>,
    ...(key_id === null ? {} : { KeyId: key_id }),
    LastModifiedDate: new Date(version.modified_at),
    LastModifiedUser: version.modified_by,
    ...(description === '' ? {} : { Description: description }),
    ...(allowed_pattern === '' ? {} : { AllowedPattern: allowed_pattern }),
    Version: version.version,
    Tier: version.tier as NonNullable<ParameterMetadata['Tier']>,
    Policies: (JSON.parse(version.policies) as readonly ParameterPolicy[]).map(viewPolicy),
    DataType: version.data_type,
  };
}

function viewPolicy({ type, text }: ParameterPolicy): ParameterInlinePolicy {
  return { PolicyText: text, PolicyType: type, PolicyStatus: 'Pending' };
}
