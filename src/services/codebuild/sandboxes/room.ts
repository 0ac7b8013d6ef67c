/** What the files of this folder share: the room, the sessions of roles, and how those who run a sandbox are called. */

import type { SandboxEffect, SandboxEvent, SandboxState } from '#core/sandbox/state.ts';
import type { Machine } from '#engine/machine.ts';
import type { RoleSessions } from '#services/codebuild/credentials.ts';
import type { Room } from '#services/codebuild/room.ts';

export type SandboxMachine = Machine<SandboxState, SandboxEvent, SandboxEffect>;

export interface Sandboxes {
  readonly room: Room;
  readonly sessions: RoleSessions;
  readonly machine: () => SandboxMachine;
  /** Tells whoever runs the sandbox in this process that a command is there. */
  readonly notice: (id: string) => void;
  /** Resolves at the next notice. */
  readonly noticed: (id: string) => Promise<void>;
}
