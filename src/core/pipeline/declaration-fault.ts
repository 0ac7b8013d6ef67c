/** A fault found in a declaration, and the words its texts share. */

export interface DeclarationFault {
  readonly code:
    | 'InvalidStructureException'
    | 'InvalidStageDeclarationException'
    | 'InvalidActionDeclarationException'
    | 'InvalidBlockerDeclarationException';
  readonly message: string;
}

/** `us-east-1` as AWS prints it in these texts. */
export function regionText(region: string): string {
  return region.toUpperCase().replaceAll('-', '_');
}

/** The names that occur more than once, each once. */
export function repeated(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
