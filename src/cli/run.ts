/**
 * `slipway run [BUILDSPEC]`: one build of a local folder without a server, by the server's own code: a house of its own
 * is opened, builds, and is gone. Ends with 0 when the build succeeded, 1 when it did not, 2 when it was asked for what
 * cannot be, and as the signal says when it was interrupted.
 */

import { constants } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { openRunHouse, type RunHouse } from './run-house.ts';
import { createLogPrinter } from './run-log.ts';
import { planRun, type RunOptions, type RunPlan } from './run-options.ts';
import { fetchResults, type Build } from './run-results.ts';
import { summaryJson, summaryText } from './run-summary.ts';

export type { RunOptions };

const LOOK_MS = 50;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export async function run(file: string | undefined, options: RunOptions): Promise<void> {
  const plan = planRun(file, options);
  const interruption = watchInterruption();
  const house = await openRunHouse(plan);
  interruption.onSecond(() => house.destroy());
  try {
    const build = await followBuild(house, plan, options.json, interruption);
    if (build) await finish(house, plan, options.json, build);
    process.exitCode = interruption.exitCode() ?? (build?.buildStatus === 'SUCCEEDED' ? 0 : 1);
  } finally {
    await house.close();
  }
  // Whatever a library still holds open must not outlive the run.
  process.exit();
}

/** Resolves to the build once it has ended, or to nothing when it was interrupted before it began. */
async function followBuild(
  { root }: RunHouse,
  { projectName }: RunPlan,
  isJson: boolean,
  interruption: Interruption,
): Promise<Build | undefined> {
  if (interruption.exitCode() !== undefined) return undefined;
  const { build: started } = await root.send('codebuild:StartBuild', { projectName });
  const id = started?.id ?? '';
  const printer = createLogPrinter(root, isJson);
  let isStopped = false;
  for (;;) {
    const { builds: [build] = [] } = await root.send('codebuild:BatchGetBuilds', { ids: [id] });
    await printer.print(build?.logs);
    if (build?.buildComplete) return build;
    if (interruption.exitCode() !== undefined && !isStopped) {
      isStopped = true;
      await root.send('codebuild:StopBuild', { id });
    }
    await pause(LOOK_MS);
  }
}

async function finish(house: RunHouse, plan: RunPlan, isJson: boolean, build: Build): Promise<void> {
  const results = await fetchResults(house.root, plan, build);
  process.stdout.write(isJson ? summaryJson(build, results) : summaryText(plan, build, results));
}

interface Interruption {
  /** As a shell would tell it; nothing while nobody interrupts. */
  exitCode(): number | undefined;
  /** What a second signal does before it ends this program at once. */
  onSecond(destroy: () => Promise<void>): void;
}

/** A signal, or the end of whoever reads the output, stops the build; a second signal does not wait for it. */
function watchInterruption(): Interruption {
  let code: number | undefined;
  let destroy = () => Promise.resolve();
  for (const name of SIGNALS) {
    process.on(name, () => {
      const isFirst = code === undefined;
      code ??= 128 + constants.signals[name];
      if (isFirst) process.stderr.write('slipway: stopping the build; once more ends it at once\n');
      else void destroy().finally(() => process.exit(code));
    });
  }
  process.stdout.removeAllListeners('error').on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    code ??= 128 + constants.signals.SIGPIPE;
  });
  return {
    exitCode: () => code,
    onSecond: (next) => (destroy = next),
  };
}
