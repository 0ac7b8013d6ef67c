/**
 * A room reaches another one only by a `Caller`, so by authorization and audit: it imports none, names no table of
 * another, and what a service of the house may do by itself is a short list.
 */

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isServiceLinked } from '#gateway/service-linked.ts';
import { loadModel, services } from '#wire/model.ts';

const FOLDER = new URL('../../src/services/', import.meta.url).pathname;
const rooms = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);

function sourcesOf(room: string): readonly { readonly path: string; readonly text: string }[] {
  return readdirSync(join(FOLDER, room), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => ({ path: `${room}/${path}`, text: readFileSync(join(FOLDER, room, path), 'utf8') }));
}

/** Tables that a room makes. */
function tablesOf(room: string): readonly string[] {
  const made = sourcesOf(room).flatMap(({ text }) => [
    ...text.matchAll(/createTable\(\s*['"`](\w+)['"`]/g),
    ...text.matchAll(/create table (?:if not exists )?["`]?(\w+)/gi),
  ]);
  return made.map((match) => match[1] ?? '');
}

test('no room imports another one', () => {
  assert.ok(rooms.length >= 8);
  for (const room of rooms)
    for (const { path, text } of sourcesOf(room))
      for (const other of rooms)
        if (other !== room) assert.ok(!text.includes(`#services/${other}/`), `${path} imports ${other}`);
});

test('no room names a table of another one', () => {
  for (const room of rooms) {
    const foreign = rooms.filter((other) => other !== room).flatMap(tablesOf);
    assert.ok(room === 'sts' || tablesOf(room).length > 0, `${room} makes no table`);
    for (const { path, text } of sourcesOf(room))
      for (const table of foreign)
        assert.ok(!new RegExp(`['"\`. ]${table}['"\`. ]`).test(text), `${path} names ${table}`);
  }
});

test('what services may do without any policy is this list and nothing else', () => {
  const allowed: string[] = [];
  for (const service of services()) {
    for (const operation of loadModel(service).operations.keys()) {
      const action = `${service}:${operation}`;
      for (const name of [...services(), 'codebuild', 'other']) {
        const principal = { type: 'service', account: '1', service: `${name}.amazonaws.com` } as const;
        if (isServiceLinked(principal, action)) allowed.push(`${name} ${action}`);
      }
    }
  }
  assert.deepEqual(allowed.sort(), [
    'cloudtrail s3:GetBucketLocation',
    'codedeploy logs:CreateLogGroup',
    'codedeploy logs:CreateLogStream',
    'codedeploy logs:PutLogEvents',
    'codepipeline codebuild:BatchGetBuilds',
    'codepipeline codebuild:StartBuild',
    'codepipeline codecommit:GetCommit',
    'codepipeline codecommit:GetRepository',
    'codestar-notifications codepipeline:ListActionExecutions',
    'logs cloudwatch:PutMetricData',
    'sts iam:GetOpenIDConnectProvider',
    'sts iam:GetPolicy',
    'sts iam:GetRole',
  ]);
});
