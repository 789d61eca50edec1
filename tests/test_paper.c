/* test_paper.c - Hold the table of the paper's claims to the kept results. */
#include <criterion/criterion.h>
#include <stdlib.h>

Test(paper, the_table_is_what_the_results_say)
{
    if (system("python3 -c 'import tomllib' 2>/dev/null") != 0)
        cr_skip("no Python 3.11 here");
    cr_expect(system("scripts/paper --check") == 0);
}
