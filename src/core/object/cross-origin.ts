/**
 * Which pages of other origins a browser may let read a bucket, as "Using cross-origin resource sharing (CORS)"
 * describes: the first rule that agrees with origin, method and headers decides.
 */

export interface CrossOriginRule {
  readonly id?: string | undefined;
  /** Each has at most one `*`. */
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  /** Each has at most one `*`; letters of any case. */
  readonly headers: readonly string[];
  readonly exposed: readonly string[];
  readonly maxAgeSeconds?: number | undefined;
}

export interface CrossOriginQuestion {
  readonly origin: string;
  readonly method: string;
  /** Those that a preflight asks for; absent for the request itself, which a browser sends only when it may. */
  readonly headers?: readonly string[] | undefined;
}

/** The headers of the answer, or `undefined` when no rule allows it. */
export function crossOriginHeaders(
  rules: readonly CrossOriginRule[],
  question: CrossOriginQuestion,
): Readonly<Record<string, string>> | undefined {
  const asked = question.headers?.map((name) => name.toLowerCase()) ?? [];
  const rule = rules.find(
    ({ origins, methods, headers }) =>
      origins.some((pattern) => fits(pattern, question.origin)) &&
      methods.includes(question.method) &&
      asked.every((name) => headers.some((pattern) => fits(pattern.toLowerCase(), name))),
  );
  if (!rule) return undefined;
  const isForAll = rule.origins.includes('*');
  return {
    'access-control-allow-origin': isForAll ? '*' : question.origin,
    ...(!isForAll && { 'access-control-allow-credentials': 'true' }),
    'access-control-allow-methods': rule.methods.join(', '),
    ...(asked.length > 0 && { 'access-control-allow-headers': asked.join(', ') }),
    ...(rule.exposed.length > 0 && { 'access-control-expose-headers': rule.exposed.join(', ') }),
    ...(rule.maxAgeSeconds !== undefined && { 'access-control-max-age': String(rule.maxAgeSeconds) }),
    vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  };
}

/** `pattern` has at most one `*`, which stands for any text. */
function fits(pattern: string, text: string): boolean {
  const star = pattern.indexOf('*');
  if (star < 0) return pattern === text;
  const before = pattern.slice(0, star);
  const after = pattern.slice(star + 1);
  return text.length >= before.length + after.length && text.startsWith(before) && text.endsWith(after);
}
