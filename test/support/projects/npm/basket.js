import { prices } from 'prices';

export function total(items) {
  return items.reduce((sum, item) => sum + priceOf(item), 0);
}

function priceOf(item) {
  if (!(item in prices)) {
    throw new Error(`nobody sells ${item}`);
  }
  return prices[item];
}
