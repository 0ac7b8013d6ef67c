/** Who acts, as policies see them. Ids follow IAM: AIDA users, AROA roles. */

export type Principal = RootPrincipal | UserPrincipal | RolePrincipal | ServicePrincipal | AnonymousPrincipal;

/** The account itself: allowed everything that no resource policy denies. */
export interface RootPrincipal {
  readonly type: 'root';
  readonly account: string;
  /** Only of temporary credentials (GetSessionToken), milliseconds since the epoch. */
  readonly issuedAt?: number;
}

export interface UserPrincipal {
  readonly type: 'user';
  readonly account: string;
  readonly userName: string;
  readonly userId: string;
  /** `arn:aws:iam::acct:user/path/name` */
  readonly arn: string;
  /** Only of temporary credentials (GetSessionToken), milliseconds since the epoch. */
  readonly issuedAt?: number;
}

/** A session of a role. */
export interface RolePrincipal {
  readonly type: 'role';
  readonly account: string;
  readonly roleName: string;
  readonly roleId: string;
  /** `arn:aws:iam::acct:role/path/name` */
  readonly roleArn: string;
  readonly sessionName: string;
  /** `arn:aws:sts::acct:assumed-role/name/session`, without the role's path. */
  readonly arn: string;
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly sourceIdentity?: string;
  /** ARN of the identity provider that vouched for whoever took on the role. */
  readonly federatedProvider?: string;
  /** The session was made by another role's session; such sessions last one hour at most. */
  readonly chained: boolean;
  /**
   * JSON texts of session policies, or ARNs of managed ones; the session may do what its role and one of these allow.
   */
  readonly sessionPolicies: readonly string[];
  readonly sessionTags?: Readonly<Record<string, string>>;
  /** Keys of those session tags that stay when this session assumes a further role. */
  readonly transitiveTagKeys?: readonly string[];
}

/** A service of the house: only resource policies, trust policies and its service-linked permissions count. */
export interface ServicePrincipal {
  readonly type: 'service';
  readonly account: string;
  /** `codepipeline.amazonaws.com` */
  readonly service: string;
  readonly sourceArn?: string;
  readonly sourceAccount?: string;
}

export interface AnonymousPrincipal {
  readonly type: 'anonymous';
}

/**
 * Somebody whom an identity provider vouches for. Such a person calls nothing: all they may do is take on roles that trust
 * the provider, and from then on they are a session of that role.
 */
export interface FederatedPrincipal {
  readonly type: 'federated';
  readonly account: string;
  /** `arn:aws:iam::acct:oidc-provider/host/path` */
  readonly providerArn: string;
  readonly subject: string;
  readonly audience: string;
}

/** Whom policies can speak about. */
export type PolicySubject = Principal | FederatedPrincipal;

/** The ARN that error texts and audit records show. */
export function principalArn(principal: PolicySubject): string {
  switch (principal.type) {
    case 'root':
      return `arn:aws:iam::${principal.account}:root`;
    case 'user':
    case 'role':
      return principal.arn;
    case 'service':
      return principal.service;
    case 'federated':
      return principal.providerArn;
    case 'anonymous':
      return 'anonymous';
  }
}
