/**
 * What the operator lets builds reach, from one setting: `on` (all that this machine reaches), `off` (nothing), or
 * `allow:` and a list. Whatever the list says, a name never leads to this machine, to its cloud's metadata or to a
 * link-local neighbour, however it resolves: those are reached only by an address that the operator wrote down.
 */

import { lookup } from 'node:dns/promises';
import { BlockList, isIP, SocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';

export type BuildNetwork =
  | { readonly type: 'on' }
  | { readonly type: 'off' }
  | { readonly type: 'allow'; readonly text: string; readonly rules: readonly EgressRule[] };

export type EgressRule =
  /** Every address that is nobody's private one. */
  | { readonly type: 'public' }
  | {
      readonly type: 'name';
      readonly name: string;
      readonly isSuffix: boolean;
      readonly port: number | undefined;
    }
  | { readonly type: 'addresses'; readonly list: BlockList; readonly port: number | undefined }
  /** A service of this machine's loopback, found at the same address inside. */
  | { readonly type: 'loopback'; readonly host: string; readonly port: number };

export type Destination =
  { readonly type: 'open'; readonly address: string } | { readonly type: 'refused'; readonly reason: string };

export const BUILD_NETWORK_DEFAULT = 'allow:public';
const RULES_MAX = 100;
const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62}(\.[a-z0-9_-]{1,63})*)?\.?$/;

/** Blocks that no name may lead to: this machine, its neighbours on the link, and what is no address of a host. */
const NEVER = blockList([
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/3',
  '::/127',
  'fe80::/10',
  'ff00::/8',
  // Metadata services of clouds that do not use a link-local address.
  '100.100.100.200/32',
  '168.63.129.16/32',
  'fd00:ec2::/32',
  // Ways of version 6 to addresses of version 4, which are not looked into.
  '64:ff9b::/32',
  '2001::/32',
  '2002::/16',
]);
/** Blocks that `public` does not cover either. */
const PRIVATE = blockList([
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  'fc00::/7',
  'fec0::/10',
  '100::/64',
  '2001:db8::/32',
]);

/** Reads the setting; throws with what would be right. */
export function parseBuildNetwork(text: string = BUILD_NETWORK_DEFAULT): BuildNetwork {
  if (text === 'on' || text === 'off') return { type: text };
  if (text === 'allow') return parseBuildNetwork(BUILD_NETWORK_DEFAULT);
  if (!text.startsWith('allow:')) {
    throw new Error(
      `SLIPWAY_BUILD_NETWORK is ${text}; it may be on, off, or allow: and a list of names and addresses, ` +
        'such as allow:public or allow:registry.npmjs.org,*.example.com,10.0.0.0/8,127.0.0.1:5432.',
    );
  }
  const words = text.slice('allow:'.length).split(',').filter(Boolean);
  if (words.length > RULES_MAX) throw new Error(`SLIPWAY_BUILD_NETWORK lists more than ${RULES_MAX} places.`);
  return { type: 'allow', text, rules: words.map((word) => parseRule(word.trim())) };
}

/** Where a connection to `host` may go. The address is settled here, so that a name cannot change its mind after. */
export async function chooseDestination(
  rules: readonly EgressRule[],
  host: string,
  port: number,
): Promise<Destination> {
  const name = host.replace(/\.$/, '').toLowerCase();
  const literal = isIP(name) ? name : undefined;
  const isNamed = literal === undefined && rules.some((rule) => isNameAllowed(rule, name, port));
  const mayMatch = isNamed || rules.some((rule) => rule.type === 'public' || rule.type === 'addresses');
  // Whoever may not go there learns nothing from our resolver either.
  if (!mayMatch || (literal === undefined && !NAME.test(name))) return refused(host, port);
  const addresses = literal ? [literal] : (await lookup(name, { all: true })).map((each) => each.address);
  const address = addresses.map(plainAddress).find((each) => isAddressAllowed(rules, each, port, isNamed));
  return address === undefined ? refused(host, port) : { type: 'open', address };
}

/** One spelling of an address; of version 4 when it is one in the clothes of version 6. */
function plainAddress(text: string): string {
  const { address } = new SocketAddress({ address: text, family: isIP(text) === 6 ? 'ipv6' : 'ipv4' });
  return /^::ffff:([\d.]+)$/.exec(address)?.[1] ?? address;
}

function refused(host: string, port: number): Destination {
  return { type: 'refused', reason: `${host}:${port} is not among what SLIPWAY_BUILD_NETWORK allows` };
}

function isNameAllowed(rule: EgressRule, name: string, port: number): boolean {
  if (rule.type !== 'name' || (rule.port !== undefined && rule.port !== port)) return false;
  return rule.isSuffix ? name.endsWith(`.${rule.name}`) : name === rule.name;
}

function isAddressAllowed(rules: readonly EgressRule[], address: string, port: number, isNamed: boolean) {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const isListed = rules.some(
    (rule) =>
      rule.type === 'addresses' &&
      rule.list.check(address, family) &&
      (rule.port === undefined || rule.port === port),
  );
  if (isListed) return true;
  if (NEVER.check(address, family) || isOwnAddress(address)) return false;
  if (isNamed) return true;
  return rules.some((rule) => rule.type === 'public') && !PRIVATE.check(address, family);
}

/** What listens on this machine's outer addresses may trust whoever comes from this machine. */
function isOwnAddress(address: string): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some((each) => each.address === address));
}

function parseRule(word: string): EgressRule {
  if (word === 'public') return { type: 'public' };
  const [, plain = '', digits] = /^(\[[^\]]*\]|[^:]*|[0-9a-f:]+(?:\/\d+)?)(?::(\d{1,5}))?$/i.exec(word) ?? [];
  const host = plain.replace(/^\[|\]$/g, '').toLowerCase();
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port === 0 || port > 65_535)) throw badRule(word);
  const [address = '', prefix] = host.split('/');
  if (isIP(address)) {
    if (prefix === undefined && (address.startsWith('127.') || address === '::1')) {
      if (port === undefined) throw badRule(word, 'an address of loopback needs a port');
      return { type: 'loopback', host: address, port };
    }
    return { type: 'addresses', list: blockList([host]), port };
  }
  const isSuffix = host.startsWith('*.');
  const name = isSuffix ? host.slice(2) : host;
  if (!NAME.test(name)) throw badRule(word);
  return { type: 'name', name: name.replace(/\.$/, ''), isSuffix, port };
}

function badRule(word: string, why = 'it is neither public, a name, nor an address'): Error {
  return new Error(`SLIPWAY_BUILD_NETWORK lists ${JSON.stringify(word)}: ${why}.`);
}

function blockList(blocks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const block of blocks) {
    const [address = '', prefix] = block.split('/');
    const isSix = isIP(address) === 6;
    const bits = prefix === undefined ? (isSix ? 128 : 32) : Number(prefix);
    if (bits > (isSix ? 128 : 32)) throw badRule(block, 'its prefix is too long');
    list.addSubnet(address, bits, isSix ? 'ipv6' : 'ipv4');
  }
  return list;
}
