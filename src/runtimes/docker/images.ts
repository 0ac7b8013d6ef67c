/** The images of an engine: whether they are there, and bringing them from their registries. */

import { ImageProblem, type Images } from '#runtimes/runtime.ts';
import { EngineError, type Engine, type RegistryCredentials } from './engine.ts';

/** Never shown, whatever the engine or a registry makes of it. */
const HIDDEN = '***';

export function createImages(engine: Engine, privilegedProblem: string | undefined): Images {
  const find = async (reference: string) => (await told(undefined, () => engine.findImage(reference)))?.Id;
  return {
    privilegedProblem,
    find,
    async pull(reference, credentials, signal) {
      await told(credentials, () => engine.pull(reference, credentials, signal));
      const id = await find(reference);
      if (id !== undefined) return id;
      throw new ImageProblem(`${reference} is not there after its pull`);
    },
  };
}

async function told<Answer>(
  credentials: RegistryCredentials | undefined,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const { password } = credentials ?? {};
    throw new ImageProblem(password ? error.message.replaceAll(password, HIDDEN) : error.message);
  }
}
