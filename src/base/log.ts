/**
 * The server's own log: one JSON object a line, on standard error. Secrets are redacted here, at the one place
 * where output leaves: members whose names say secret, and texts that look like access keys or signatures.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface Log {
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];
const SECRET_NAME = /secret|password|token|authorization|signature|credential/i;
const SECRET_TEXT = /\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b|\b[0-9a-f]{64}\b/g;
const LINE_LENGTH_MAX = 8192;
const DEPTH_MAX = 6;

export function createLog(write: (line: string) => void, level: LogLevel = 'info'): Log {
  const lowest = LEVELS.indexOf(level);
  const at =
    (lineLevel: LogLevel) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      if (LEVELS.indexOf(lineLevel) < lowest) return;
      const line = { time: new Date().toISOString(), level: lineLevel, message: redactText(message) };
      const text = JSON.stringify({ ...line, ...(redact(fields, 0) as object) });
      write(text.length > LINE_LENGTH_MAX ? JSON.stringify({ ...line, truncated: true }) : text);
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

export const silentLog: Log = createLog(() => {}, 'error');

/** Text as it may leave: access key ids and 64-digit signatures are replaced. */
export function redactText(text: string): string {
  return text.replace(SECRET_TEXT, '***');
}

function redact(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (value instanceof Error) {
    return {
      name: value.name,
      message: redactText(value.message),
      stack: redactText(value.stack ?? ''),
      ...(value.cause === undefined
        ? {}
        : { cause: depth > DEPTH_MAX ? '…' : redact(value.cause, depth + 1) }),
    };
  }
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEPTH_MAX) return '…';
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) =>
      SECRET_NAME.test(name) && typeof item === 'string' ? [name, '***'] : [name, redact(item, depth + 1)],
    ),
  );
}
