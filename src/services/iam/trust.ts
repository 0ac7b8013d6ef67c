/**
 * Trust policies name users and roles by ARN, but are stored with their unique ids, so that an entity made anew under
 * an old name is not trusted. Readers see ARNs again; of an entity that is gone they see the id. See "IAM JSON policy
 * elements: Principal", on role and user principals.
 */

import { parseArn } from '#base/arn.ts';
import { malformed, readDocument } from './documents.ts';
import { iamArn } from './entities.ts';
import type { IamDatabase } from './tables.ts';

type Translate = (kind: string, value: string) => Promise<string>;

const UNIQUE_ID = /^(AIDA|AROA)[A-Z0-9]+$/;
const SERVICE_NAME = /^[a-z0-9-]+(\.[a-z0-9-]+)*\.amazonaws\.com(\.cn)?$/;

/** Checks a trust policy and gives the text to store. Throws MalformedPolicyDocument. */
export async function storeTrust(database: IamDatabase, account: string, text: string): Promise<string> {
  readDocument(text, 'trust');
  return translate(text, async (kind, value) => {
    const stored = await principalToStored(database, account, kind, value);
    if (stored === undefined) throw malformed(`Invalid principal in policy: "${kind}":"${value}"`);
    return stored;
  });
}

/** The text for readers. */
export function showTrust(database: IamDatabase, account: string, stored: string): Promise<string> {
  return translate(stored, async (kind, value) =>
    kind === 'AWS' && UNIQUE_ID.test(value) ? ((await arnOfId(database, account, value)) ?? value) : value,
  );
}

async function principalToStored(
  database: IamDatabase,
  account: string,
  kind: string,
  value: string,
): Promise<string | undefined> {
  if (kind === 'Service') return SERVICE_NAME.test(value) ? value : undefined;
  if (kind === 'Federated') return value;
  if (kind !== 'AWS') return undefined;
  if (value === '*') return value;
  if (/^\d{12}$/.test(value)) return `arn:aws:iam::${value}:root`;
  if (UNIQUE_ID.test(value))
    return (await arnOfId(database, account, value)) === undefined ? undefined : value;
  const arn = parseArn(value);
  if (arn === undefined || arn.partition !== 'aws' || arn.region !== '') return undefined;
  if (arn.service === 'iam' && /^\d{12}$/.test(arn.account) && arn.resource === 'root') return value;
  if (arn.account !== account) return undefined;
  if (arn.service === 'sts') return storedSession(database, value, arn.resource);
  return arn.service === 'iam' ? idOfArn(database, account, value, arn.resource) : undefined;
}

/** A single session keeps its ARN; its role must exist. */
async function storedSession(
  database: IamDatabase,
  value: string,
  resource: string,
): Promise<string | undefined> {
  const [, roleName] = /^assumed-role\/([^/]+)\/[^/]+$/.exec(resource) ?? [];
  if (roleName === undefined) return undefined;
  const role = await database
    .selectFrom('iam_roles')
    .select('name')
    .where('name_lower', '=', roleName.toLowerCase())
    .executeTakeFirst();
  return role?.name === roleName ? value : undefined;
}

async function idOfArn(
  database: IamDatabase,
  account: string,
  arn: string,
  resource: string,
): Promise<string | undefined> {
  const kind = resource.startsWith('user/') ? 'user' : resource.startsWith('role/') ? 'role' : undefined;
  if (kind === undefined) return undefined;
  const name = resource.slice(resource.lastIndexOf('/') + 1);
  const row = await database
    .selectFrom(kind === 'user' ? 'iam_users' : 'iam_roles')
    .select(['id', 'name', 'path'])
    .where('name_lower', '=', name.toLowerCase())
    .executeTakeFirst();
  return row !== undefined && iamArn(account, kind, row) === arn ? row.id : undefined;
}

async function arnOfId(database: IamDatabase, account: string, id: string): Promise<string | undefined> {
  const kind = id.startsWith('AIDA') ? 'user' : 'role';
  const row = await database
    .selectFrom(kind === 'user' ? 'iam_users' : 'iam_roles')
    .select(['name', 'path'])
    .where('id', '=', id)
    .executeTakeFirst();
  return row === undefined ? undefined : iamArn(account, kind, row);
}

interface TrustJson {
  Statement: StatementJson | StatementJson[];
}

interface StatementJson {
  Principal?: string | Record<string, string | string[]>;
}

/** Only the principals change; everything else stays as it was written. The text was checked before. */
async function translate(text: string, one: Translate): Promise<string> {
  const json = JSON.parse(text) as TrustJson;
  for (const statement of Array.isArray(json.Statement) ? json.Statement : [json.Statement]) {
    const { Principal: principal } = statement;
    if (typeof principal !== 'object') continue;
    for (const [kind, values] of Object.entries(principal)) {
      const translated: string[] = [];
      for (const value of Array.isArray(values) ? values : [values]) translated.push(await one(kind, value));
      principal[kind] = Array.isArray(values) ? translated : (translated[0] ?? '');
    }
  }
  return JSON.stringify(json);
}
