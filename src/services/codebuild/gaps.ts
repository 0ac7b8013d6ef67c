/** What AWS CodeBuild has and this room has not, by reason. */

import { gap } from '#services/service.ts';

export const gaps = {
  StartSandboxConnection: gap(
    "an interactive stream is Session Manager's protocol, which Slipway does not speak; use StartCommandExecution",
  ),
} as const;
