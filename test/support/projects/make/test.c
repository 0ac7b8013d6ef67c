#include <stdio.h>
#include "basket.h"

static int failures;

static void check(const char *name, int is, int should) {
  printf("<testcase classname=\"basket\" name=\"%s\">", name);
  if (is != should) {
    printf("<failure message=\"%d is not %d\"/>", is, should);
    failures++;
  }
  printf("</testcase>\n");
}

int main(void) {
  int prices[] = {30, 45};
  printf("<testsuite name=\"basket\">\n");
  check("empty", total(prices, 0), 0);
  check("sum", total(prices, 2), 75);
  printf("</testsuite>\n");
  return failures > 0;
}
