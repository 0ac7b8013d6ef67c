/**
 * What an account asks of the passwords of its users, and what a password lacks. Pure; how passwords are kept is decided
 * where they are. See "Set an account password policy for IAM users".
 */

export interface PasswordRules {
  readonly lengthMin: number;
  readonly symbols: boolean;
  readonly numbers: boolean;
  readonly uppercase: boolean;
  readonly lowercase: boolean;
  /** Of the four kinds of characters at least so many; only of the default rules. */
  readonly kindsMin: number;
  readonly usersMayChange: boolean;
  /** How many former passwords may not come back. */
  readonly reusePrevention: number;
  readonly ageDaysMax: number | undefined;
  /** An expired password can be changed only by an administrator. */
  readonly hardExpiry: boolean;
}

/** Of an account that has no policy of its own. */
export const DEFAULT_RULES: PasswordRules = {
  lengthMin: 8,
  symbols: false,
  numbers: false,
  uppercase: false,
  lowercase: false,
  kindsMin: 3,
  usersMayChange: false,
  reusePrevention: 0,
  ageDaysMax: undefined,
  hardExpiry: false,
};

const DAY_MS = 86_400_000;
const KINDS = {
  uppercase: /[A-Z]/,
  lowercase: /[a-z]/,
  numbers: /[0-9]/,
  symbols: /[!@#$%^&*()_+\-=[\]{}|']/,
} as const;

/** What is wrong with a password, as one sentence; `undefined` when nothing is. `names` are what it must not be. */
export function passwordFault(
  rules: PasswordRules,
  password: string,
  names: readonly string[],
): string | undefined {
  if (password.length < rules.lengthMin) return `Password should have a minimum length of ${rules.lengthMin}`;
  if (rules.uppercase && !KINDS.uppercase.test(password)) return missing('uppercase letter');
  if (rules.lowercase && !KINDS.lowercase.test(password)) return missing('lowercase letter');
  if (rules.numbers && !KINDS.numbers.test(password)) return missing('number');
  if (rules.symbols && !KINDS.symbols.test(password)) return missing('symbol');
  const kinds = Object.values(KINDS).filter((kind) => kind.test(password)).length;
  if (kinds < rules.kindsMin) {
    return `Password should have at least ${rules.kindsMin} of uppercase letters, lowercase letters, numbers, and symbols`;
  }
  if (names.some((name) => name.toLowerCase() === password.toLowerCase()))
    return 'Password should not be the name of the account or of its user';
  return undefined;
}

export function isExpired(rules: PasswordRules, changedAt: number, now: number): boolean {
  return rules.ageDaysMax !== undefined && now >= changedAt + rules.ageDaysMax * DAY_MS;
}

function missing(what: string): string {
  return `Password should have at least one ${what}`;
}
