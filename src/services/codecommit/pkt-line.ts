/**
 * The framing of git's protocol, as far as we read and write it ourselves: command lists of pushes, refusals. Pure.
 */

export interface PushCommand {
  readonly name: string;
  /** `undefined` for all zeros: the reference is made, or removed. */
  readonly oldId: string | undefined;
  readonly newId: string | undefined;
}

export interface CommandList {
  readonly commands: readonly PushCommand[];
  readonly capabilities: ReadonlySet<string>;
}

const ZERO_ID = '0'.repeat(40);
const LINE_BYTES_MAX = 65_520;
const BAND_BYTES_MAX = 65_515;

export class MalformedPush extends Error {
  override readonly name = 'MalformedPush';
}

/** The command list at the start of a push, or `undefined` if more bytes are needed. */
export function parseCommandList(bytes: Buffer): CommandList | undefined {
  const commands: PushCommand[] = [];
  let capabilities: ReadonlySet<string> = new Set();
  for (let at = 0; ;) {
    if (bytes.length < at + 4) return undefined;
    const digits = bytes.toString('latin1', at, at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(digits))
      throw new MalformedPush(`bad line length ${JSON.stringify(digits)}`);
    const length = Number.parseInt(digits, 16);
    if (length === 0) return { commands, capabilities };
    if (length < 4 || length > LINE_BYTES_MAX) throw new MalformedPush(`bad line length ${length}`);
    if (bytes.length < at + length) return undefined;
    const line = bytes.toString('utf8', at + 4, at + length).replace(/\n$/, '');
    at += length;
    if (line.startsWith('shallow ')) continue;
    const [command = '', list] = line.split('\0');
    if (list !== undefined && commands.length === 0) capabilities = new Set(list.split(' ').filter(Boolean));
    commands.push(parseCommand(command));
  }
}

function parseCommand(text: string): PushCommand {
  const match = /^([0-9a-f]{40}) ([0-9a-f]{40}) (.+)$/s.exec(text);
  if (!match) throw new MalformedPush('a push command is malformed');
  const [, oldId = '', newId = '', name = ''] = match;
  const idOf = (id: string) => (id === ZERO_ID ? undefined : id);
  return { name, oldId: idOf(oldId), newId: idOf(newId) };
}

export function pktLine(payload: string | Uint8Array): Buffer {
  const bytes = Buffer.from(payload);
  const length = (bytes.length + 4).toString(16).padStart(4, '0');
  return Buffer.concat([Buffer.from(length), bytes]);
}

export const FLUSH = Buffer.from('0000');

/** What receive-pack would answer if it refused every reference: the client prints the reason beside each. */
export function refusalReport(
  list: CommandList,
  reasonOf: (command: PushCommand) => string,
  message: string,
): Buffer {
  const lines = list.commands.map((command) => pktLine(`ng ${command.name} ${reasonOf(command)}\n`));
  const report = Buffer.concat([pktLine('unpack ok\n'), ...lines, FLUSH]);
  const { capabilities } = list;
  if (!capabilities.has('report-status') && !capabilities.has('report-status-v2')) return FLUSH;
  if (!capabilities.has('side-band-64k')) return report;
  const bands: Buffer[] = [pktLine(Buffer.concat([Buffer.from([2]), Buffer.from(`${message}\n`)]))];
  for (let at = 0; at < report.length; at += BAND_BYTES_MAX) {
    bands.push(pktLine(Buffer.concat([Buffer.from([1]), report.subarray(at, at + BAND_BYTES_MAX)])));
  }
  return Buffer.concat([...bands, FLUSH]);
}
