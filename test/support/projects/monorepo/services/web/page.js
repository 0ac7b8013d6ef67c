import { readFileSync } from 'node:fs';

const prices = JSON.parse(readFileSync(new URL('../../lib/prices.json', import.meta.url), 'utf8'));
const rows = Object.entries(prices).map(([item, price]) => `<tr><td>${item}<td>${price}`);
console.log(`<h1>${process.env.STAGE}</h1><table>${rows.join('')}</table>`);
