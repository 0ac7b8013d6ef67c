/**
 * Which context keys policies ask for, in conditions and in variables, so that a simulation can be given all of them.
 * See "GetContextKeysForCustomPolicy" in the IAM API reference.
 */

import type { PolicyDocument, Statement } from '#core/policy/document.ts';
import type { Operations } from '#services/service.ts';
import type { Iam } from './entities.ts';
import { findSubject, readInputs } from './simulation.ts';

/** `${aws:username}` and `${aws:username, 'nobody'}`, but not the escapes `${*}`, `${?}` and `${$}`. */
const VARIABLE = /\$\{\s*([^}',*?$\s]{1,512})\s*(?:,[^}]{0,512})?\}/g;

export function contextKeyOperations(iam: Iam) {
  return {
    async GetContextKeysForCustomPolicy(_call, input) {
      const given = readInputs('PolicyInputList', input.PolicyInputList);
      return { ContextKeyNames: contextKeysOf(given.map(({ document }) => document)) };
    },
    async GetContextKeysForPrincipalPolicy(_call, input) {
      const { identity } = await findSubject(iam, input.PolicySourceArn ?? '');
      const given = readInputs('PolicyInputList', input.PolicyInputList);
      return { ContextKeyNames: contextKeysOf([...identity, ...given].map(({ document }) => document)) };
    },
  } satisfies Partial<Operations<'iam'>>;
}

/** Sorted; of keys that differ only in case, one. */
export function contextKeysOf(documents: readonly PolicyDocument[]): string[] {
  const keys = new Map<string, string>();
  for (const { version, statements } of documents) {
    for (const key of statements.flatMap((one) => keysOf(one, version === '2012-10-17'))) {
      if (!keys.has(key.toLowerCase())) keys.set(key.toLowerCase(), key);
    }
  }
  return [...keys.values()].sort();
}

function keysOf(statement: Statement, withVariables: boolean): string[] {
  const keys = statement.conditions.map(({ key }) => key);
  if (!withVariables) return keys;
  const { resources = [], notResources = [], conditions } = statement;
  const texts = [...resources, ...notResources, ...conditions.flatMap(({ values }) => values)];
  return [...keys, ...texts.flatMap((text) => [...text.matchAll(VARIABLE)].map(([, key = '']) => key))];
}
