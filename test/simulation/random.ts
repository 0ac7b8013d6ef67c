/** Chance out of a seed (splitmix-like mixing of a counter): the same seed gives the same numbers. */

export interface Random {
  /** 0 ≤ x < 1. */
  next(): number;
  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number;
  /** True with this probability. */
  happens(probability: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  /** Hexadecimal digits. */
  hex(digits: number): string;
}

export function createRandom(seed: string): Random {
  let state = 0x9e3779b9;
  for (const character of seed) state = mix(state ^ (character.codePointAt(0) ?? 0));
  const word = () => {
    state = (state + 0x9e3779b9) >>> 0;
    return mix(state);
  };
  const random: Random = {
    next: () => word() / 2 ** 32,
    between: (least, most) => least + Math.floor(random.next() * (most - least + 1)),
    happens: (probability) => random.next() < probability,
    pick<Item>(items: readonly Item[]) {
      const item = items[random.between(0, items.length - 1)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
    hex(digits) {
      let text = '';
      while (text.length < digits) text += word().toString(16).padStart(8, '0');
      return text.slice(0, digits);
    },
  };
  return random;
}

function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
