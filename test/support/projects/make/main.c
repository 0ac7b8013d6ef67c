#include <stdio.h>
#include <stdlib.h>
#include "basket.h"

int main(int argc, char **argv) {
  int prices[64];
  int count = argc - 1 > 64 ? 64 : argc - 1;
  for (int i = 0; i < count; i++) prices[i] = atoi(argv[i + 1]);
  printf("%d (%s)\n", total(prices, count), VERSION);
  return 0;
}
