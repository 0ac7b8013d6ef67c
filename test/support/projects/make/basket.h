#ifndef BASKET_H
#define BASKET_H
int total(const int *prices, int count);
#endif
