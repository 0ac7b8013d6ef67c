/**
 * What is wrong with a pipeline definition in a file: its shape, as the API has it, and all rules of declarations.
 * Whether roles, repositories and custom action types exist is known to a server only and not asked here.
 */

import { present } from '#base/assert.ts';
import { actionTypeOf, actionTypeOrGeneric } from '#core/pipeline/definition/catalogue.ts';
import type { ActionTypeLookup } from '#core/pipeline/definition/catalogue-type.ts';
import type { DeclarationFault, Path } from '#core/pipeline/definition/declaration-fault.ts';
import type { GivenDeclaration } from '#core/pipeline/definition/declaration-given.ts';
import { completeAction, completeDeclaration } from '#core/pipeline/definition/declaration-given.ts';
import type { Declaration } from '#core/pipeline/definition/declaration.ts';
import { quotasOf } from '#core/pipeline/limits.ts';
import { actionFaults } from '#core/pipeline/definition/validate-actions.ts';
import type { Circumstances } from '#core/pipeline/definition/validate-circumstances.ts';
import { declarationFaults } from '#core/pipeline/definition/validate.ts';
import type { PlacedDocument } from '#core/placed-document.ts';
import { serviceNotCarried } from '#services/codepipeline/actions/index.ts';
import { loadModel } from '#wire/model.ts';
import { type ShapeFault, shapeFaults } from '#wire/shape-faults.ts';
import type { CheckOptions, Finding, Kind } from './check-kinds.ts';

export const pipelineKind: Kind = {
  name: 'a pipeline definition',
  recognizes: (value) => 'pipeline' in value || 'stages' in value || 'roleArn' in value,
  check: checkPipeline,
};

/** The declaration may stand alone, or in `pipeline` as `aws codepipeline create-pipeline --cli-input-json` takes it. */
function checkPipeline({ value }: PlacedDocument, _text: string, options: CheckOptions): readonly Finding[] {
  const isWrapped = 'pipeline' in (value as object);
  const model = loadModel('codepipeline');
  const shape = present(model.shapes.get(isWrapped ? 'CreatePipelineInput' : 'PipelineDeclaration'), 'shape');
  const inShape = shapeFaults(shape, value, isWrapped ? [] : ['pipeline']);
  const base = isWrapped ? ['pipeline'] : [];
  const mended = mendTexts(
    value,
    inShape.filter(needsQuotes).map(({ path }) => path),
  );
  const declaration = (isWrapped ? (mended as { pipeline: unknown }).pipeline : mended) as GivenDeclaration;
  const circumstances: Circumstances = {
    region: options.region,
    quotas: quotasOf(options.quotas),
    actionTypeOf: lookup,
  };
  const broken = inShape.filter(
    (fault) => fault.kind === 'missing' || (fault.kind === 'type' && !needsQuotes(fault)),
  );
  const inRules =
    broken.length === 0
      ? declarationFaults(declaration, completeDeclaration(declaration, 1), circumstances)
      : faultsOfIntactActions(
          declaration,
          broken.map(({ path }) => path.slice(base.length)),
          circumstances,
        );
  return [
    ...inShape.map((fault) => findingOfShape(fault)),
    ...inRules.map((fault) => ({ ...fault, path: [...base, ...fault.path] })),
    ...(broken.length === 0 ? warningsOf(declaration, base) : []),
  ];
}

/** What is right, may be created, and yet cannot work. */
function warningsOf({ stages }: GivenDeclaration, base: Path): readonly Finding[] {
  return stages.flatMap((stage, index) =>
    stage.actions.flatMap(({ name, actionTypeId }, at) => {
      const service = serviceNotCarried(actionTypeId);
      if (service === undefined) return [];
      const message = `This Slipway does not carry ${service} yet: the action ${name} will fail when it runs`;
      const path = [...base, 'stages', index, 'actions', at, 'actionTypeId', 'provider'];
      return [{ path, code: 'NotCarried', message, isWarning: true as const }];
    }),
  );
}

/** Custom and third-party types are the server's: what they must be given is not known here. */
const lookup: ActionTypeLookup = (id) =>
  actionTypeOf(id) ?? (id.owner === 'AWS' ? undefined : { ...actionTypeOrGeneric(id), isOpen: true });

function findingOfShape(fault: ShapeFault): Finding {
  const { path, code, message, known } = fault;
  return {
    path,
    code,
    message,
    ...(known ? { unknown: { name: String(path.at(-1)), known } } : {}),
    ...(needsQuotes(fault) ? { hint: 'write it in quotes' } : {}),
  };
}

/** YAML takes `1` for a number and `false` for no; in a definition nearly everything is text. */
function needsQuotes({ kind, isPlain }: ShapeFault): boolean {
  return kind === 'type' && isPlain === true;
}

/** The data as it would be with the quotes, so that what is said further is not about them. */
function mendTexts(value: unknown, paths: readonly Path[]): unknown {
  const mended = withoutNulls(value);
  for (const path of paths) {
    const above = path.slice(0, -1).reduce((at, step) => (at as Record<string, unknown>)[step], mended);
    const name = String(path.at(-1));
    (above as Record<string, unknown>)[name] = String((above as Record<string, unknown>)[name]);
  }
  return mended;
}

/** A copy; members that are null are as good as absent, as in requests. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(entries.map(([name, item]) => [name, withoutNulls(item)]));
}

/** Where the shape is broken, only what one action says about itself can be judged, and only where it is whole. */
function faultsOfIntactActions(
  declaration: GivenDeclaration,
  broken: readonly Path[],
  circumstances: Circumstances,
): readonly DeclarationFault[] {
  const isBroken = (path: Path) =>
    broken.some((place) => place.slice(0, path.length).every((step, index) => step === path[index]));
  const stages: unknown = declaration?.stages;
  if (!Array.isArray(stages) || broken.some((place) => place.length < 2)) return [];
  return (declaration.stages ?? []).flatMap((stage, index) =>
    !Array.isArray(stage?.actions)
      ? []
      : stage.actions.flatMap((action, at) => {
          const path = ['stages', index, 'actions', at];
          if (isBroken(path)) return [];
          return actionFaults(
            declaration as unknown as Declaration,
            completeAction(action),
            path,
            circumstances,
          );
        }),
  );
}
