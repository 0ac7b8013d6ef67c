/** Labels: names of versions. A label is on one version of its parameter, and moves when it is put on another one. */

import type { Kysely } from 'kysely';
import { fault } from '#base/fault.ts';
import { isLabel } from '#core/parameter/name.ts';
import type { Handler } from '#services/service.ts';
import { findParameter, readVersion, requireParameter } from './finding.ts';
import { LABELS_PER_VERSION_MAX, parameterNotFound, type Room } from './room.ts';
import { withTables, type ParameterRow } from './tables.ts';

export function labellingOperations(room: Room) {
  const { house, machine } = room;

  const LabelParameterVersion: Handler<'ssm', 'LabelParameterVersion'> = async (call, input) => {
    const row = await requireParameter(room, call, 'LabelParameterVersion', input.Name);
    const wanted = [...new Set(input.Labels ?? [])];
    const labels = wanted.filter(isLabel);
    const InvalidLabels = wanted.filter((label) => !isLabel(label));
    let version = 0;
    const put = async (transaction: Kysely<unknown>) => {
      const there = await requireAgain(transaction, row);
      version = input.ParameterVersion ?? there.version;
      await requireNumber(transaction, there, version);
      await putLabels(transaction, there, version, labels);
    };
    if (labels.length > 0) {
      await house.engine.send(machine, row.parameter_id, { type: 'VersionLabelled' }, put);
    } else {
      await house.database.transaction(put);
    }
    return { InvalidLabels, ParameterVersion: version };
  };

  const UnlabelParameterVersion: Handler<'ssm', 'UnlabelParameterVersion'> = async (call, input) => {
    const row = await requireParameter(room, call, 'UnlabelParameterVersion', input.Name);
    const wanted = [...new Set(input.Labels ?? [])];
    const version = input.ParameterVersion ?? 0;
    const RemovedLabels = await house.database.transaction(async (transaction) => {
      const there = await requireAgain(transaction, row);
      await requireNumber(transaction, there, version);
      const own = await labelsOf(transaction, there, version);
      const removed = wanted.filter((label) => own.includes(label));
      if (removed.length === 0) return removed;
      await withTables(transaction)
        .deleteFrom('ssm_label')
        .where('parameter_id', '=', there.parameter_id)
        .where('label', 'in', removed)
        .execute();
      return removed;
    });
    return { RemovedLabels, InvalidLabels: wanted.filter((label) => !RemovedLabels.includes(label)) };
  };

  return { LabelParameterVersion, UnlabelParameterVersion };
}

async function requireAgain(transaction: Kysely<unknown>, row: ParameterRow): Promise<ParameterRow> {
  const there = await findParameter(transaction, [row.name]);
  if (there?.parameter_id !== row.parameter_id) throw parameterNotFound(row.name);
  return there;
}

async function requireNumber(
  transaction: Kysely<unknown>,
  row: ParameterRow,
  version: number,
): Promise<void> {
  if (await readVersion(transaction, row, version)) return;
  throw fault(
    'ParameterVersionNotFound',
    `Systems Manager could not find version ${version} of ${row.name}. Verify the version and try again.`,
  );
}

async function putLabels(
  transaction: Kysely<unknown>,
  { parameter_id, name }: ParameterRow,
  version: number,
  labels: readonly string[],
): Promise<void> {
  const own = await labelsOf(transaction, { parameter_id }, version);
  if (new Set([...own, ...labels]).size > LABELS_PER_VERSION_MAX) {
    throw fault(
      'ParameterVersionLabelLimitExceeded',
      `A parameter version can have maximum ${LABELS_PER_VERSION_MAX} labels. Move one or more labels of version ${version} of ${name} to another version and try again.`,
    );
  }
  for (const label of labels) {
    await withTables(transaction)
      .insertInto('ssm_label')
      .values({ parameter_id, label, version })
      .onConflict((conflict) => conflict.columns(['parameter_id', 'label']).doUpdateSet({ version }))
      .execute();
  }
}

async function labelsOf(
  database: Kysely<unknown>,
  { parameter_id }: Pick<ParameterRow, 'parameter_id'>,
  version: number,
): Promise<readonly string[]> {
  const rows = await withTables(database)
    .selectFrom('ssm_label')
    .select('label')
    .where('parameter_id', '=', parameter_id)
    .where('version', '=', version)
    .execute();
  return rows.map(({ label }) => label);
}
