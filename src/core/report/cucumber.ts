/** Cucumber's JSON: features with scenarios, whose steps decide together what became of them. */

import { ReportUnreadable, type TestCase, type TestStatus } from './report.ts';
import { isRecord, listOf, textOf } from './json.ts';
import { cutName, messageOf, nanoseconds } from './tree.ts';

export function readCucumber(json: unknown): TestCase[] {
  if (!Array.isArray(json)) throw new ReportUnreadable('it is not a list of features');
  return json.flatMap((feature) => readFeature(feature));
}

function readFeature(feature: unknown): TestCase[] {
  if (!isRecord(feature)) throw new ReportUnreadable('a feature is not an object');
  const featureName = cutName(textOf(feature['name']));
  const cases: TestCase[] = [];
  /** What a background did counts for the scenario after it. */
  let before: unknown[] = [];
  for (const element of listOf(feature['elements'])) {
    if (!isRecord(element)) continue;
    const steps = [...listOf(element['before']), ...listOf(element['steps']), ...listOf(element['after'])];
    if (element['type'] === 'background') {
      before = steps;
      continue;
    }
    const results = [...before, ...steps].map(resultOf);
    before = [];
    cases.push({
      name: cutName(textOf(element['name'])),
      prefix: featureName,
      suite: featureName,
      status: statusOf(results.map(({ status }) => status)),
      nanoseconds: nanoseconds(results.reduce((sum, { duration }) => sum + nanoseconds(duration), 0)),
      message: messageOf(results.find(({ status }) => status === 'failed')?.message),
    });
  }
  return cases;
}

interface StepResult {
  readonly status: string;
  readonly duration: number;
  readonly message: string;
}

function resultOf(step: unknown): StepResult {
  const result = isRecord(step) && isRecord(step['result']) ? step['result'] : {};
  return {
    status: textOf(result['status']).toLowerCase(),
    duration: Number(result['duration'] ?? 0),
    message: textOf(result['error_message']),
  };
}

function statusOf(statuses: readonly string[]): TestStatus {
  const has = (...names: readonly string[]) => statuses.some((status) => names.includes(status));
  if (has('failed')) return 'FAILED';
  if (has('undefined', 'ambiguous')) return 'ERROR';
  if (has('pending', 'skipped')) return 'SKIPPED';
  return statuses.length > 0 && statuses.every((status) => status === 'passed') ? 'SUCCEEDED' : 'UNKNOWN';
}
