/**
 * Passwords of users, with which they will sign in to the console, and the account's rules for them. A password is never
 * shown, and what rests of it is a slow hash. See "Manage passwords for IAM users".
 */

import { fault } from '#base/fault.ts';
import { DEFAULT_RULES, isExpired, passwordFault, type PasswordRules } from '#core/password/rules.ts';
import type { Operations } from '#services/service.ts';
import { findUser, userNameOf, type Iam } from './entities.ts';
import { hashPassword, isHashOf, NO_HASH } from './password-hash.ts';
import type { IamDatabase, LoginProfileRow, UserRow } from './tables.ts';

const REUSE_MAX = 24;
const POLICY_ID = 'account';
/** Of an account policy that leaves it out, as on AWS. */
const LENGTH_MIN_DEFAULT = 6;
/** Wrong passwords for one user before its sign-in rests for a while. */
const FAILURES_MAX = 10;
const REST_MS = 300_000;
const USERS_WATCHED_MAX = 10_000;

export function passwordOperations(iam: Iam) {
  return {
    async CreateLoginProfile(call, input) {
      const user = await findUser(iam.read(), userNameOf(call, input.UserName));
      if (input.Password === undefined) throw fault('ValidationException', 'A password is needed.');
      const hash = await newHash(iam, user, input.Password, undefined);
      const row: LoginProfileRow = {
        user_id: user.id,
        hash,
        former: '[]',
        reset_required: input.PasswordResetRequired ? 1 : 0,
        created_at: call.at,
        changed_at: call.at,
      };
      await iam.write(async (database) => {
        await findUser(database, user.name);
        if ((await profileOf(database, user.id)) !== undefined)
          throw fault('EntityAlreadyExistsException', `Login Profile for user ${user.name} already exists.`);
        await database.insertInto('iam_login_profiles').values(row).execute();
      });
      return { LoginProfile: view(user, row) };
    },

    async GetLoginProfile(call, input) {
      const user = await findUser(iam.read(), userNameOf(call, input.UserName));
      return { LoginProfile: view(user, await requireProfile(iam.read(), user)) };
    },

    async UpdateLoginProfile(call, input) {
      const user = await findUser(iam.read(), input.UserName ?? '');
      const row = await requireProfile(iam.read(), user);
      const reset = input.PasswordResetRequired;
      await change(iam, user, row, {
        ...(reset === undefined ? {} : { reset_required: reset ? 1 : 0 }),
        ...(input.Password === undefined ? {} : await replaced(iam, user, row, input.Password, call.at)),
      });
      return {};
    },

    async DeleteLoginProfile(call, input) {
      await iam.write(async (database) => {
        const user = await findUser(database, userNameOf(call, input.UserName));
        await requireProfile(database, user);
        await database.deleteFrom('iam_login_profiles').where('user_id', '=', user.id).execute();
      });
      return {};
    },

    async ChangePassword(call, input) {
      if (call.principal.type !== 'user')
        throw fault('InvalidUserTypeException', 'Only IAM Users can change their own password.');
      const user = await findUser(iam.read(), call.principal.userName);
      const row = await requireProfile(iam.read(), user);
      const rules = await loadRules(iam.read());
      if (rules.hardExpiry && isExpired(rules, row.changed_at, call.at))
        throw fault(
          'AccessDeniedException',
          'The password has expired and only an administrator can change it.',
        );
      if (!(await isRightPassword(iam, user.id, row, input.OldPassword ?? '')))
        throw fault('AccessDeniedException', 'The old password was incorrect.');
      const changed = await replaced(iam, user, row, input.NewPassword ?? '', call.at);
      await change(iam, user, row, { ...changed, reset_required: 0 });
      return {};
    },

    async UpdateAccountPasswordPolicy(_call, input) {
      const rules: PasswordRules = {
        lengthMin: input.MinimumPasswordLength ?? LENGTH_MIN_DEFAULT,
        symbols: input.RequireSymbols ?? false,
        numbers: input.RequireNumbers ?? false,
        uppercase: input.RequireUppercaseCharacters ?? false,
        lowercase: input.RequireLowercaseCharacters ?? false,
        kindsMin: 0,
        usersMayChange: input.AllowUsersToChangePassword ?? false,
        reusePrevention: input.PasswordReusePrevention ?? 0,
        ageDaysMax: input.MaxPasswordAge || undefined,
        hardExpiry: input.HardExpiry ?? false,
      };
      await iam.write(async (database) => {
        await database.deleteFrom('iam_password_policy').execute();
        await database
          .insertInto('iam_password_policy')
          .values({ id: POLICY_ID, rules: JSON.stringify(rules) })
          .execute();
      });
      return {};
    },

    async GetAccountPasswordPolicy() {
      const rules = (await storedRules(iam.read())) ?? noPolicy(iam);
      return {
        PasswordPolicy: {
          MinimumPasswordLength: rules.lengthMin,
          RequireSymbols: rules.symbols,
          RequireNumbers: rules.numbers,
          RequireUppercaseCharacters: rules.uppercase,
          RequireLowercaseCharacters: rules.lowercase,
          AllowUsersToChangePassword: rules.usersMayChange,
          ExpirePasswords: rules.ageDaysMax !== undefined,
          ...(rules.ageDaysMax !== undefined && { MaxPasswordAge: rules.ageDaysMax }),
          ...(rules.reusePrevention > 0 && { PasswordReusePrevention: rules.reusePrevention }),
          HardExpiry: rules.hardExpiry,
        },
      };
    },

    async DeleteAccountPasswordPolicy() {
      await iam.write(async (database) => {
        if ((await storedRules(database)) === undefined) noPolicy(iam);
        await database.deleteFrom('iam_password_policy').execute();
      });
      return {};
    },
  } satisfies Partial<Operations<'iam'>>;
}

/** May users change their own passwords without a permission of their own? */
export async function usersMayChangePasswords(iam: Iam): Promise<boolean> {
  return (await loadRules(iam.read())).usersMayChange;
}

export async function profileOf(database: IamDatabase, userId: string): Promise<LoginProfileRow | undefined> {
  return database
    .selectFrom('iam_login_profiles')
    .selectAll()
    .where('user_id', '=', userId)
    .executeTakeFirst();
}

export interface SignIn {
  readonly user: UserRow;
  /** The password must be changed before anything else. */
  readonly mustChange: boolean;
}

/** Who signs in with this name and password; `undefined` for a wrong one, after the same work as for a right one. */
export async function signInWith(iam: Iam, userName: string, password: string): Promise<SignIn | undefined> {
  const user = await iam
    .read()
    .selectFrom('iam_users')
    .selectAll()
    .where('name_lower', '=', userName.toLowerCase())
    .executeTakeFirst();
  const row = user === undefined ? undefined : await profileOf(iam.read(), user.id);
  const isRight = await isRightPassword(iam, user?.id ?? '', row, password);
  if (user === undefined || row === undefined || !isRight) return undefined;
  const rules = await loadRules(iam.read());
  const expired = isExpired(rules, row.changed_at, iam.house.clock.now());
  if (expired && rules.hardExpiry) return undefined;
  return { user, mustChange: expired || row.reset_required === 1 };
}

interface Failures {
  readonly count: number;
  readonly restUntil: number;
}

/** By installation and user, in this process only: a guesser of one node waits at that node. */
const failures = new WeakMap<Iam, Map<string, Failures>>();

async function isRightPassword(
  iam: Iam,
  userId: string,
  row: LoginProfileRow | undefined,
  password: string,
): Promise<boolean> {
  const now = iam.house.clock.now();
  const watched = failures.get(iam) ?? new Map<string, Failures>();
  failures.set(iam, watched);
  const before = watched.get(userId);
  if (before !== undefined && before.count >= FAILURES_MAX && now < before.restUntil) {
    const message = 'There were too many wrong passwords. Try again in some minutes.';
    throw fault('ThrottlingException', message);
  }
  const isRight = (await isHashOf(password, row?.hash ?? NO_HASH)) && row !== undefined;
  if (isRight) watched.delete(userId);
  else {
    const count = before !== undefined && now < before.restUntil ? before.count + 1 : 1;
    if (watched.size >= USERS_WATCHED_MAX) watched.clear();
    watched.set(userId, { count, restUntil: now + REST_MS });
  }
  return isRight;
}

async function newHash(
  iam: Iam,
  user: UserRow,
  password: string,
  row: LoginProfileRow | undefined,
): Promise<string> {
  const rules = await loadRules(iam.read());
  const wrong = passwordFault(rules, password, [user.name, iam.house.account]);
  if (wrong !== undefined) throw fault('PasswordPolicyViolationException', wrong);
  const former = row === undefined ? [] : [row.hash, ...readFormer(row)];
  for (const hash of former.slice(0, rules.reusePrevention)) {
    if (await isHashOf(password, hash))
      throw fault('PasswordPolicyViolationException', 'Password should not have been used before.');
  }
  return hashPassword(password);
}

async function replaced(
  iam: Iam,
  user: UserRow,
  row: LoginProfileRow,
  password: string,
  at: number,
): Promise<Partial<LoginProfileRow>> {
  const hash = await newHash(iam, user, password, row);
  const former = JSON.stringify([row.hash, ...readFormer(row)].slice(0, REUSE_MAX));
  return { hash, former, changed_at: at };
}

/** Only while the password is still the one that was looked at: of two changes at once one is told to try again. */
async function change(
  iam: Iam,
  user: UserRow,
  row: LoginProfileRow,
  changed: Partial<LoginProfileRow>,
): Promise<void> {
  if (Object.keys(changed).length === 0) return;
  const { numUpdatedRows } = await iam.write((database) =>
    database
      .updateTable('iam_login_profiles')
      .set(changed)
      .where('user_id', '=', row.user_id)
      .where('hash', '=', row.hash)
      .executeTakeFirst(),
  );
  if (numUpdatedRows === 0n) {
    const message = `The Login Profile for User ${user.name} was changed at this moment. Try again.`;
    throw fault('EntityTemporarilyUnmodifiableException', message);
  }
}

async function requireProfile(database: IamDatabase, user: UserRow): Promise<LoginProfileRow> {
  const row = await profileOf(database, user.id);
  if (row === undefined)
    throw fault('NoSuchEntityException', `Login Profile for User ${user.name} cannot be found.`);
  return row;
}

async function loadRules(database: IamDatabase): Promise<PasswordRules> {
  return (await storedRules(database)) ?? DEFAULT_RULES;
}

async function storedRules(database: IamDatabase): Promise<PasswordRules | undefined> {
  const row = await database.selectFrom('iam_password_policy').select('rules').executeTakeFirst();
  // Written by us, so the text has the form that we gave it.
  return row === undefined ? undefined : (JSON.parse(row.rules) as PasswordRules);
}

function noPolicy(iam: Iam): never {
  const message = `The Password Policy with domain name ${iam.house.account} cannot be found.`;
  throw fault('NoSuchEntityException', message);
}

function readFormer(row: LoginProfileRow): readonly string[] {
  return JSON.parse(row.former) as string[];
}

function view(user: UserRow, row: LoginProfileRow) {
  return {
    UserName: user.name,
    CreateDate: new Date(row.created_at),
    PasswordResetRequired: row.reset_required === 1,
  };
}
