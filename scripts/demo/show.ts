/** How the demo speaks: one line for each thing that happened, with the time since the start; colour on terminals. */

import { paint } from '#cli/paint.ts';

const started = performance.now();

export function seconds(): string {
  return `${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s`;
}

export function title(text: string): void {
  process.stdout.write(`\n${paint.bold(text)}\n`);
}

export function step(text: string): void {
  process.stdout.write(`${paint.dim(seconds())}  ${text}\n`);
}

export function done(text: string): void {
  process.stdout.write(`${paint.dim(seconds())}  ${paint.green('✔')} ${text}\n`);
}

export function failed(text: string): void {
  process.stdout.write(`${paint.dim(seconds())}  ${paint.red('✘')} ${text}\n`);
}

export function quote(text: string): void {
  process.stdout.write(`         ${paint.dim('|')} ${paint.dim(text)}\n`);
}

export function command(text: string): void {
  process.stdout.write(`         ${paint.cyan(`$ ${text}`)}\n`);
}
