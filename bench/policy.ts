/**
 * `npm run bench policy`: one decision over 1,000 statements, spread over 20 documents, compiled once as they are between
 * requests; beside the same decision on documents that were only now parsed, which is what compiling once saves.
 */

import { assert } from '#base/assert.ts';
import { principalContext } from '#core/policy/context.ts';
import type { PolicyDocument } from '#core/policy/document.ts';
import { evaluate } from '#core/policy/evaluate.ts';
import { isFaulty, parsePolicy } from '#core/policy/parse.ts';
import type { Principal } from '#core/policy/principal.ts';
import { figure, report } from './report.ts';

const DOCUMENTS = 20;
const STATEMENTS = 50;
const ROUNDS = 30;
const DECISIONS = 100;
const AIM = '≤ 50 µs';

const ACCOUNT = '123456789012';
const ann: Principal = {
  type: 'user',
  account: ACCOUNT,
  userName: 'ann',
  userId: 'AIDAANN',
  arn: `arn:aws:iam::${ACCOUNT}:user/ann`,
};
const context = principalContext(ann, {}, 0);
let rounds = 0;
const texts = Array.from({ length: DOCUMENTS }, (_, document) => textOf(document));
const compiled = texts.map(read);
const byAction = Array.from({ length: DOCUMENTS }, (_, document) => read(actionsTextOf(document)));
const alike = Array.from({ length: DOCUMENTS }, () => read(alikeText()));

const figures = [
  figure(
    'compiled, allowed by the last statement',
    'µs',
    measure(allowed, () => compiled, DECISIONS),
    AIM,
  ),
  figure(
    'compiled, allowed by none',
    'µs',
    measure(silent, () => compiled, DECISIONS),
    AIM,
  ),
  figure(
    'compiled, told apart by actions alone',
    'µs',
    measure(silent, () => byAction, DECISIONS),
    AIM,
  ),
  figure(
    'compiled, told apart by conditions alone',
    'µs',
    measure(silent, () => alike, DECISIONS),
  ),
  figure('parsed and compiled anew', 'µs', measure(allowed, readAnew, 1)),
];
report('policy', figures, [
  `${DOCUMENTS * STATEMENTS} statements; every fourth has variables and a condition`,
]);

function textOf(document: number): string {
  const Statement = Array.from({ length: STATEMENTS }, (_, index) => {
    const name = `b${document}-${index}`;
    return {
      Effect: index % 10 === 5 ? 'Deny' : 'Allow',
      Action: ['s3:Get*', 'codepipeline:StartPipelineExecution'],
      Resource: index % 4 === 0 ? `arn:aws:s3:::${name}/\${aws:username}/*` : `arn:aws:s3:::${name}/*`,
      ...(index % 4 === 0 && { Condition: { StringLike: { 'aws:username': ['a*', 'b*'] } } }),
    };
  });
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

/** Every resource, and each statement an action of its own. */
function actionsTextOf(document: number): string {
  const Statement = Array.from({ length: STATEMENTS }, (_, index) => ({
    Effect: 'Allow',
    Action: `s3:Get${document}x${index}`,
    Resource: '*',
  }));
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

/** What no index can tell apart: all of it has to be read. */
function alikeText(): string {
  const Statement = Array.from({ length: STATEMENTS }, (_, index) => ({
    Effect: 'Allow',
    Action: 's3:*',
    Resource: '*',
    Condition: { StringEquals: { 'aws:PrincipalTag/team': `t${index}` } },
  }));
  return JSON.stringify({ Version: '2012-10-17', Statement });
}

/** White space makes every text another one, or it would be remembered. */
function readAnew(): readonly PolicyDocument[] {
  const space = ' '.repeat(++rounds);
  return texts.map((text) => read(text + space));
}

function read(text: string): PolicyDocument {
  const parsed = parsePolicy(text, 'identity');
  assert(!isFaulty(parsed), 'the policies of the bench are well-formed');
  return parsed;
}

function allowed(identity: readonly PolicyDocument[]): void {
  const resource = `arn:aws:s3:::b${DOCUMENTS - 1}-${STATEMENTS - 1}/file`;
  const { decision } = evaluate({ principal: ann, action: 's3:GetObject', resource, context, identity });
  assert(decision === 'allow', 'the last statement allows');
}

function silent(identity: readonly PolicyDocument[]): void {
  const resource = 'arn:aws:s3:::elsewhere/file';
  const { decision } = evaluate({ principal: ann, action: 's3:GetObject', resource, context, identity });
  assert(decision === 'implicitDeny', 'no statement allows');
}

/** Microseconds for one decision, round by round; the first rounds warm up. */
function measure(
  decide: (identity: readonly PolicyDocument[]) => void,
  documents: () => readonly PolicyDocument[],
  decisions: number,
): number[] {
  const samples: number[] = [];
  for (let round = -ROUNDS; round < ROUNDS; round++) {
    const from = performance.now();
    for (let i = 0; i < decisions; i++) decide(documents());
    if (round >= 0) samples.push(((performance.now() - from) * 1000) / decisions);
  }
  return samples;
}
