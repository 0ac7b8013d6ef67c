/** Errors as a person reads them: one plain sentence, plus what would help where we know it. */

/** What was typed cannot be done; the text says what would help. */
export class BadUsage extends Error {
  override readonly name = 'BadUsage';
}

export function plainError(error: unknown): string {
  const { code, path, message, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  switch (code) {
    case 'EADDRINUSE':
      return `${address}:${port} is in use. Stop what listens there, or choose another with --listen.`;
    case 'EACCES':
      return path
        ? `No permission for ${path}. Choose another folder with --data, or change its owner.`
        : message;
    case 'ECONNREFUSED':
      return `Nothing listens at ${address}:${port}. Start the server with: slipway serve`;
    case 'ENOSPC':
      return `The disk is full${path ? ` (${path})` : ''}. Free some space and start again.`;
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
