import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

mkdirSync('dist/js', { recursive: true });
const prices = readFileSync('node_modules/prices/index.js', 'utf8');
const basket = readFileSync('basket.js', 'utf8').replace(/^import .*\n/, '');
writeFileSync('dist/js/shop.js', prices + basket);
writeFileSync('dist/index.html', '<script type="module" src="js/shop.js"></script>\n');
