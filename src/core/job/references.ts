/** What the pipeline is told of the work as it stands: the worker's words, and URLs made of them. */

import type { ExternalReference } from '#core/pipeline/events.ts';
import type { JobDetails, State, Work, WorkRevision } from './state.ts';
import { fillTemplate } from './url-templates.ts';

export function referenceOf(
  state: State,
  work: Work,
  details: JobDetails,
  revision?: WorkRevision,
): ExternalReference {
  const { summary, externalId, percentComplete } = details;
  const { externalId: knownId } = state.progress.reference;
  return withUrls(
    work,
    {
      ...(summary === undefined ? {} : { summary }),
      ...(externalId === undefined ? (knownId === undefined ? {} : { externalId: knownId }) : { externalId }),
      ...(percentComplete === undefined ? {} : { percentComplete }),
    },
    revision?.revisionId,
  );
}

export function withUrls(work: Work, reference: ExternalReference, revisionId?: string): ExternalReference {
  const facts = {
    configuration: work.configuration,
    ...(reference.externalId === undefined ? {} : { externalId: reference.externalId }),
    ...(revisionId === undefined ? {} : { revisionId }),
  };
  const entityUrl = fillTemplate(work.urls.entity, facts);
  const externalUrl = fillTemplate(work.urls.execution, facts);
  const revisionUrl = fillTemplate(work.urls.revision, facts);
  return {
    ...reference,
    ...(entityUrl === undefined ? {} : { entityUrl }),
    ...(externalUrl === undefined ? {} : { externalUrl }),
    ...(revisionUrl === undefined ? {} : { revisionUrl }),
  };
}
