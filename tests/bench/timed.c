/* SPDX-License-Identifier: MIT */
/*
 * timed INPUT PROGRAM [ARGUMENT...]: for each line of its standard input runs the program once,
 * with INPUT as its standard input and its output thrown away, and prints the microseconds from the
 * fork until it has ended: what the agent's path to the same answer is measured against. It ends
 * when the program fails.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static _Noreturn void run(const char *input, char *const arguments[])
{
    int in = open(input, O_RDONLY), out = open("/dev/null", O_WRONLY);
    if (in >= 0 && out >= 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
        execvp(arguments[0], arguments);
    perror(arguments[0]);
    _exit(127);
}

int main(int argc, char *argv[])
{
    char line[16];
    if (argc < 3)
        return EXIT_FAILURE;
    while (fgets(line, sizeof line, stdin)) {
        double from = now_us();
        int status = -1;
        pid_t child = fork();
        if (child == 0)
            run(argv[1], &argv[2]);
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
            fprintf(stderr, "timed: %s failed\n", argv[2]);
            return EXIT_FAILURE;
        }
        printf("%.1f\n", now_us() - from);
        fflush(stdout);
    }
    return EXIT_SUCCESS;
}
