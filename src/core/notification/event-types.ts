/**
 * What notification rules can ask for: the event types of each kind of resource, and which of them an event of the bus
 * is. AWS: "Events for notification rules" in the Developer Tools console guide.
 */

export interface EventType {
  readonly id: string;
  /** `CodePipeline` */
  readonly service: string;
  /** `Pipeline` */
  readonly resourceType: string;
  /** `Action execution: Failed` */
  readonly name: string;
}

/** An event of the bus, as far as it is looked at here. */
export interface HeardEvent {
  readonly source: string;
  readonly detailType: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
}

interface Kind {
  readonly service: string;
  readonly resourceType: string;
  readonly prefix: string;
  /** By what it is about: the words of the console and the endings of the ids. */
  readonly subjects: Readonly<
    Record<string, { readonly title: string; readonly endings: readonly string[] }>
  >;
}

const KINDS: readonly Kind[] = [
  {
    service: 'CodePipeline',
    resourceType: 'Pipeline',
    prefix: 'codepipeline-pipeline',
    subjects: {
      'action-execution': {
        title: 'Action execution',
        endings: ['succeeded', 'failed', 'canceled', 'started'],
      },
      'stage-execution': {
        title: 'Stage execution',
        endings: ['started', 'succeeded', 'resumed', 'canceled', 'failed'],
      },
      'pipeline-execution': {
        title: 'Pipeline execution',
        endings: ['failed', 'canceled', 'started', 'resumed', 'succeeded', 'superseded'],
      },
      'manual-approval': { title: 'Manual approval', endings: ['failed', 'needed', 'succeeded'] },
    },
  },
  {
    service: 'CodeBuild',
    resourceType: 'Project',
    prefix: 'codebuild-project',
    subjects: {
      'build-state': { title: 'Build state', endings: ['failed', 'succeeded', 'in-progress', 'stopped'] },
      'build-phase': { title: 'Build phase', endings: ['failure', 'success'] },
    },
  },
  {
    service: 'CodeDeploy',
    resourceType: 'Application',
    prefix: 'codedeploy-application',
    subjects: { deployment: { title: 'Deployment', endings: ['failed', 'succeeded', 'started'] } },
  },
  {
    service: 'CodeCommit',
    resourceType: 'Repository',
    prefix: 'codecommit-repository',
    subjects: {
      comments: { title: 'Comments', endings: ['on-commits', 'on-pull-requests'] },
      approvals: { title: 'Approvals', endings: ['status-changed', 'rule-override'] },
      'pull-request': {
        title: 'Pull request',
        endings: ['created', 'source-updated', 'status-changed', 'merged'],
      },
      'branches-and-tags': { title: 'Branches and tags', endings: ['created', 'deleted', 'updated'] },
    },
  },
];

export const EVENT_TYPES: readonly EventType[] = KINDS.flatMap(
  ({ service, resourceType, prefix, subjects }) =>
    Object.entries(subjects).flatMap(([subject, { title, endings }]) =>
      endings.map((ending) => ({
        id: `${prefix}-${subject}-${ending}`,
        service,
        resourceType,
        name: `${title}: ${capitalized(ending.replaceAll('-', ' '))}`,
      })),
    ),
);

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The prefix of all types that a resource can have; `undefined` for what cannot have a rule. */
export function prefixOfResource(arn: string): string | undefined {
  const [, , service, , , ...rest] = arn.split(':');
  const resource = rest.join(':');
  switch (service) {
    case 'codepipeline':
      return /^[^:/]+$/.test(resource) ? 'codepipeline-pipeline' : undefined;
    case 'codebuild':
      return resource.startsWith('project/') ? 'codebuild-project' : undefined;
    case 'codedeploy':
      return resource.startsWith('application:') ? 'codedeploy-application' : undefined;
    case 'codecommit':
      return /^[^:/]+$/.test(resource) ? 'codecommit-repository' : undefined;
    default:
      return undefined;
  }
}

/** The ids that an event has; an approval is an action and a question. */
export function typesOfEvent({ source, detailType, detail }: HeardEvent): readonly string[] {
  const state = String(detail['state'] ?? '').toLowerCase();
  switch (source) {
    case 'aws.codepipeline':
      return known(pipelineTypes(detailType, state, detail));
    case 'aws.codebuild':
      return known(buildTypes(detailType, detail));
    case 'aws.codedeploy':
      return known([`codedeploy-application-deployment-${DEPLOYMENT_STATES[state] ?? state}`]);
    case 'aws.codecommit':
      return known(repositoryTypes(detailType, detail));
    default:
      return [];
  }
}

const IDS: ReadonlySet<string> = new Set(EVENT_TYPES.map(({ id }) => id));

function known(ids: readonly string[]): readonly string[] {
  return ids.filter((id) => IDS.has(id));
}

function pipelineTypes(
  detailType: string,
  state: string,
  detail: Readonly<Record<string, unknown>>,
): readonly string[] {
  switch (detailType) {
    case 'CodePipeline Pipeline Execution State Change':
      return [`codepipeline-pipeline-pipeline-execution-${state}`];
    case 'CodePipeline Stage Execution State Change':
      return [`codepipeline-pipeline-stage-execution-${state}`];
    case 'CodePipeline Action Execution State Change': {
      const type = detail['type'] as { readonly category?: unknown } | undefined;
      const ofAction = `codepipeline-pipeline-action-execution-${state}`;
      if (type?.category !== 'Approval') return [ofAction];
      return [ofAction, `codepipeline-pipeline-manual-approval-${state === 'started' ? 'needed' : state}`];
    }
    default:
      return [];
  }
}

function buildTypes(detailType: string, detail: Readonly<Record<string, unknown>>): readonly string[] {
  const word = (name: string) =>
    String(detail[name] ?? '')
      .toLowerCase()
      .replaceAll('_', '-');
  switch (detailType) {
    case 'CodeBuild Build State Change':
      return [`codebuild-project-build-state-${word('build-status')}`];
    case 'CodeBuild Build Phase Change': {
      const isGood = word('completed-phase-status') === 'succeeded';
      return [`codebuild-project-build-phase-${isGood ? 'success' : 'failure'}`];
    }
    default:
      return [];
  }
}

const DEPLOYMENT_STATES: Readonly<Record<string, string>> = {
  failure: 'failed',
  success: 'succeeded',
  start: 'started',
};

const REPOSITORY_EVENTS: Readonly<Record<string, string>> = {
  referenceCreated: 'branches-and-tags-created',
  referenceDeleted: 'branches-and-tags-deleted',
  referenceUpdated: 'branches-and-tags-updated',
  pullRequestCreated: 'pull-request-created',
  pullRequestSourceBranchUpdated: 'pull-request-source-updated',
  pullRequestStatusChanged: 'pull-request-status-changed',
  pullRequestMergeStatusUpdated: 'pull-request-merged',
  pullRequestApprovalStateChanged: 'approvals-status-changed',
  pullRequestApprovalRuleOverridden: 'approvals-rule-override',
};

function repositoryTypes(detailType: string, detail: Readonly<Record<string, unknown>>): readonly string[] {
  if (detailType === 'CodeCommit Comment on Commit') return ['codecommit-repository-comments-on-commits'];
  if (detailType === 'CodeCommit Comment on Pull Request') {
    return ['codecommit-repository-comments-on-pull-requests'];
  }
  const event = String(detail['event'] ?? '');
  const ending = Object.hasOwn(REPOSITORY_EVENTS, event) ? REPOSITORY_EVENTS[event] : undefined;
  return ending === undefined ? [] : [`codecommit-repository-${ending}`];
}

/** The ARN that a rule would name for the resource of this event; builds and deployments are told of their own. */
export function resourceOfEvent(
  event: HeardEvent,
  scope: { readonly region: string; readonly account: string },
): string {
  const { source, detail, resources } = event;
  const arnOf = (service: string, resource: string) =>
    `arn:aws:${service}:${scope.region}:${scope.account}:${resource}`;
  switch (source) {
    case 'aws.codebuild':
      return arnOf('codebuild', `project/${String(detail['project-name'])}`);
    case 'aws.codedeploy':
      return arnOf('codedeploy', `application:${String(detail['application'])}`);
    default:
      return resources[0] ?? '';
  }
}
