/**
 * Whether an address is one of the public internet. What is not must not be reachable through a subscription, for
 * behind it are this machine, its neighbours, and services that trust whoever can reach them. IANA: the special-purpose
 * address registries.
 */

import { isInRange, parseRange, type Range } from '#core/policy/address.ts';

const SPECIAL: readonly Range[] = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  // The unspecified address and loopback; addresses that carry an IPv4 address; private, link-local, multicast.
  ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2001:db8::/32', '2002::/16'],
  ...['fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
].flatMap((text) => parseRange(text) ?? []);

/** False too for what is no address at all. */
export function isPublicAddress(text: string): boolean {
  const plain = text.split('%')[0] ?? '';
  return parseRange(plain) !== undefined && !SPECIAL.some((range) => isInRange(range, plain));
}
