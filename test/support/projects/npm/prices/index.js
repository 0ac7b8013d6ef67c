export const prices = { apple: 30, pear: 45 };
