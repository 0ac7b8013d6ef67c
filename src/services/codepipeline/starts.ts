/**
 * The one way in which executions are asked for. The machine knows the tokens of the newest starts; a token that came
 * within a day but before those is in the rows, so that a repeated start is one start however busy the pipeline is.
 */

import { fault } from '#base/fault.ts';
import type { ExecutionRequested } from '#core/pipeline/events.ts';
import { TOKEN_MS_MAX } from '#core/pipeline/limits.ts';
import type { Room } from './room.ts';
import { rows } from './tables.ts';

/** Gives the id of the execution, or throws the machine's fault. */
export async function requestExecution(
  { house, machine }: Room,
  pipelineId: string,
  event: ExecutionRequested,
): Promise<string> {
  const { token } = event;
  const earlier = token === undefined ? undefined : await findToken(pipelineId, token);
  if (earlier && earlier.fingerprint !== event.fingerprint) {
    throw fault(
      'ValidationException',
      'The client request token was used before for a start of this pipeline with different content',
    );
  }
  if (earlier) return earlier.execution_id;
  const { value } = await house.engine.send(machine, pipelineId, event);
  return (value as { pipelineExecutionId: string }).pipelineExecutionId;

  function findToken(id: string, wanted: string) {
    return rows(house.database)
      .selectFrom('codepipeline_tokens')
      .select(['execution_id', 'fingerprint'])
      .where('pipeline_id', '=', id)
      .where('token', '=', wanted)
      .where('started_at', '>', house.clock.now() - TOKEN_MS_MAX)
      .executeTakeFirst();
  }
}
