/**
 * Whole documents of strangers as plain trees, within given bounds. A document type is passed over only where it
 * declares nothing, so there are no entities but XML's own five, and nothing is ever fetched or expanded.
 */

import { parseXml, XmlElement, XmlText } from '@rgrove/parse-xml';

export interface XmlTree {
  /** Without its prefix. */
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlTree[];
  /** The text directly inside. */
  readonly text: string;
}

export interface XmlBounds {
  readonly elementsMax: number;
  readonly depthMax: number;
}

/** The document is broken or beyond a bound; the message is the end of a sentence. */
export class XmlRefused extends Error {
  override readonly name = 'XmlRefused';
}

/** Throws `XmlRefused`. */
export function readXmlTree(text: string, bounds: XmlBounds): XmlTree {
  const plain = checkBounds(text, bounds);
  let root: XmlElement | null;
  try {
    root = parseXml(plain).root;
  } catch (cause) {
    const message = (cause as Error).message.split('\n', 1)[0]?.slice(0, 200) ?? '';
    throw new XmlRefused(`it is not well-formed XML: ${message}`, { cause });
  }
  if (!root) throw new XmlRefused('it has no root element');
  return treeOf(root);
}

/** Depth is bounded, so recursion is. */
function treeOf(element: XmlElement): XmlTree {
  const children: XmlTree[] = [];
  let text = '';
  for (const child of element.children) {
    if (child instanceof XmlElement) children.push(treeOf(child));
    else if (child instanceof XmlText) text += child.text;
  }
  return {
    name: element.name.slice(element.name.indexOf(':') + 1),
    attributes: element.attributes,
    children,
    text,
  };
}

/** Counts elements and depth without a parser; resolves to the text without its document type. */
function checkBounds(text: string, { elementsMax, depthMax }: XmlBounds): string {
  let depth = 0;
  let elements = 0;
  let plain = text;
  for (let at = text.indexOf('<'); at >= 0; at = text.indexOf('<', at)) {
    if (text.startsWith('<!--', at)) at = endOf(text, '-->', at + 4);
    else if (text.startsWith('<![CDATA[', at)) at = endOf(text, ']]>', at + 9);
    else if (text.startsWith('<?', at)) at = endOf(text, '?>', at + 2);
    else if (text.startsWith('<!', at)) {
      const end = endOfTag(text, at);
      if (elements > 0 || text.slice(at, end).includes('[')) {
        throw new XmlRefused('a document type with declarations is not allowed');
      }
      plain = text.slice(0, at) + text.slice(end);
      at = end;
    } else {
      const end = endOfTag(text, at);
      if (text[at + 1] === '/') depth--;
      else if (++elements > elementsMax) throw new XmlRefused(`it has more than ${elementsMax} elements`);
      else if (text[end - 2] !== '/' && ++depth > depthMax)
        throw new XmlRefused(`it is nested deeper than ${depthMax} levels`);
      at = end;
    }
  }
  return plain;
}

function endOf(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  if (at < 0) throw new XmlRefused('it is not well-formed XML: something is not closed');
  return at + mark.length;
}

function endOfTag(text: string, from: number): number {
  let quote = '';
  for (let at = from; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === '"' || character === "'") quote = character;
    else if (character === '>') return at + 1;
  }
  throw new XmlRefused('it is not well-formed XML: a tag is not closed');
}
