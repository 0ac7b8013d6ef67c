/** A fault found in a declaration, where it is, and the words that texts of faults share. */

export interface DeclarationFault {
  readonly code:
    | 'InvalidStructureException'
    | 'InvalidStageDeclarationException'
    | 'InvalidActionDeclarationException'
    | 'InvalidBlockerDeclarationException'
    | 'ValidationException';
  /** As AWS answers it. */
  readonly message: string;
  readonly path: Path;
  /** A name that means nothing here, and those that would. */
  readonly unknown?: Unknown;
}

export interface Unknown {
  readonly name: string;
  readonly known: readonly string[];
}

/** Member names and indices from the declaration down: `['stages', 1, 'actions', 0, 'configuration', 'Branch']`. */
export type Path = readonly (string | number)[];

/** `us-east-1` as AWS prints it in these texts. */
export function regionText(region: string): string {
  return region.toUpperCase().replaceAll('-', '_');
}

/** The indices of the items that came before under the same name. */
export function repeated(names: readonly string[]): readonly number[] {
  const seen = new Set<string>();
  return names.flatMap((name, index) => {
    if (seen.has(name)) return [index];
    seen.add(name);
    return [];
  });
}

/** A list of faults of one code, to be said one after the other. */
export function faultsOf(code: DeclarationFault['code']) {
  const faults: DeclarationFault[] = [];
  const say = (path: Path, message: string, unknown?: Unknown): void => {
    faults.push({ code, message, path, ...(unknown ? { unknown } : {}) });
  };
  return { faults, say };
}
