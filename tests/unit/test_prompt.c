/* SPDX-License-Identifier: MIT */
/*
 * lanyard-prompt as the agent runs it, in front of a pinentry that follows a script
 * (tests/fake/pinentry) and, where it is installed, of the real pinentry-tty on a pseudo-terminal.
 */
#include "ipc/base/cleanup.h"
#include "ipc/base/outcome.h"
#include "ipc/frame.h"
#include "ipc/prompt_message.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#define PROMPT LANYARD_BUILD "/bin/lanyard-prompt"
#define FAKE LANYARD_SOURCE "/tests/fake/pinentry"
#define REAL_TTY "/usr/bin/pinentry-tty"

/* ---- the prompt as a process ---- */

struct run {
    int socket;
    pid_t pid;
};

static void start_with(struct run *run, const char *pinentry, const char *parent)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    run->pid = fork();
    assert_true(run->pid >= 0);
    if (run->pid == 0) {
        dup2(pair[1], STDIN_FILENO);
        execl(PROMPT, PROMPT, pinentry, parent, (char *)NULL);
        _exit(127);
    }
    close(pair[1]);
    run->socket = pair[0];
}

static void start(struct run *run, const char *pinentry)
{
    char parent[16];
    snprintf(parent, sizeof parent, "%d", (int)getpid());
    start_with(run, pinentry, parent);
}

static void put(struct run *run, const struct prompt_question *question)
{
    CLEANUP(bytes_deinit) struct bytes body = {0};
    assert_int_equal(prompt_question_encode(question, &body), 0);
    assert_int_equal(frame_send(run->socket, body.data, body.len, PROMPT_QUESTION_BYTES_MAX), 0);
}

/* Waits for the end; the exit status. */
static int end(struct run *run)
{
    int status;
    assert_int_equal(waitpid(run->pid, &status, 0), run->pid);
    close_fd(&run->socket);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct result {
    uint32_t outcome;
    uint8_t choice;
    char pin[PROMPT_PIN_BYTES_MAX + 1];
};

static struct result take(struct run *run)
{
    struct prompt_answer answer = {0};
    struct result result = {0};
    CLEANUP(secret_free) struct secret *body = secret_new(PROMPT_ANSWER_BYTES_MAX);
    assert_int_equal(frame_receive_secret(run->socket, body), 0);
    assert_int_equal(prompt_answer_decode(secret_peek(body), secret_len(body), &answer), 0);
    result.outcome = answer.result;
    result.choice = answer.choice;
    memcpy(result.pin, answer.pin, answer.pin_len);
    assert_int_equal(end(run), 0);
    return result;
}

/* ---- the script and its log ---- */

static char log_path[] = "/tmp/lanyard-test-prompt-XXXXXX";
static char log_text[65536];

static void script(const char *answers)
{
    setenv("FAKE_PINENTRY_ANSWERS", answers, 1);
    assert_int_equal(truncate(log_path, 0), 0);
}

static const char *read_log(void)
{
    FILE *file = fopen(log_path, "r");
    assert_non_null(file);
    size_t len = fread(log_text, 1, sizeof log_text - 1, file);
    log_text[len] = '\0';
    fclose(file);
    return log_text;
}

static void assert_logged(const char *line)
{
    char wanted[2048];
    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    if (!strstr(read_log(), wanted))
        fail_msg("pinentry did not get: %s\nbut: %s", line, log_text);
}

static struct result ask(const struct prompt_question *question, const char *answers)
{
    struct run run;
    script(answers);
    start(&run, FAKE);
    put(&run, question);
    return take(&run);
}

static int set_up(void **state)
{
    (void)state;
    int fd = mkstemp(log_path);
    if (fd < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return -1;
    close(fd);
    setenv("FAKE_PINENTRY_LOG", log_path, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(log_path);
}

/* ---- questions ---- */

static const struct prompt_question pin_question = {
    .kind = PROMPT_PIN,
    .timeout_seconds = 90,
    .title = "Lanyard",
    .text = "Sign in to\nhttps://login.example",
    .label = "PIN:",
    .error = "100% wrong",
    .yes = "Sign in",
    .no = "Cancel",
};
static const struct prompt_question confirm_question = {.kind = PROMPT_CONFIRM, .text = "Sure?"};
static const struct prompt_question pad_question = {
    .kind = PROMPT_PIN_PAD, .text = "Type the PIN on the reader.", .no = "Cancel"};
static const struct prompt_question choice_question = {
    .kind = PROMPT_CHOICE,
    .timeout_seconds = 90,
    .text = "Whose card?",
    .yes = "Mine",
    .no = "Cancel",
    .choice_count = 3,
    .choices = {"Anna", "Béla", "Chen"},
};

static void a_pin_is_asked_for_in_the_agents_words(void **state)
{
    (void)state;
    struct result result = ask(&pin_question, "D:1234");
    assert_int_equal(result.outcome, OUTCOME_OK);
    assert_string_equal(result.pin, "1234");
    assert_logged("SETTIMEOUT 90");
    assert_logged("SETTITLE Lanyard");
    assert_logged("SETDESC Sign in to%0Ahttps://login.example");
    assert_logged("SETPROMPT PIN:");
    assert_logged("SETERROR 100%25 wrong");
    assert_logged("SETOK Sign in");
    assert_logged("SETCANCEL Cancel");
    assert_null(strstr(read_log(), "SETKEYINFO"));
    assert_null(strstr(log_text, "allow-external-password-cache"));
}

static void pins_are_decoded(void **state)
{
    (void)state;
    static const struct {
        const char *sent, *pin;
        uint32_t outcome;
    } rows[] = {
        {"D:12%2534", "12%34", OUTCOME_OK},
        {"D:12:34:56", "123456", OUTCOME_OK},
        {"D:12%2034", "12 34", OUTCOME_OK},
        {"D:0123456789012345678901234567890123456789012345678901234567890123",
         "0123456789012345678901234567890123456789012345678901234567890123", OUTCOME_OK},
        {"D:01234567890123456789012345678901234567890123456789012345678901234", "",
         OUTCOME_PIN_FORMAT},
        {"ok", "", OUTCOME_PIN_FORMAT},
        {"D:12%0034", "", OUTCOME_PIN_FORMAT},
        {"D:12%C3%A934", "", OUTCOME_PIN_FORMAT},
        {"D:12%7F", "", OUTCOME_PIN_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result result = ask(&pin_question, rows[i].sent);
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_string_equal(result.pin, rows[i].pin);
    }
}

static void every_ending_has_its_outcome(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        uint32_t outcome;
    } rows[] = {
        {"cancel", OUTCOME_CANCELLED},          {"fully-cancelled", OUTCOME_CANCELLED},
        {"not-confirmed", OUTCOME_CANCELLED},   {"timeout", OUTCOME_TIMED_OUT},
        {"no-tty", OUTCOME_PROMPT_UNAVAILABLE}, {"garbage", OUTCOME_PROMPT_UNAVAILABLE},
        {"die", OUTCOME_PROMPT_UNAVAILABLE},    {"mute", OUTCOME_PROMPT_UNAVAILABLE},
        {"rude", OUTCOME_PROMPT_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result result = ask(&pin_question, rows[i].answer);
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_string_equal(result.pin, "");
    }
}

/* The prompt in front of that pinentry fails, and its log has that line's end. */
static void assert_fails_saying(const char *pinentry, const char *line)
{
    char log[4096] = "";
    FILE *file = tmpfile();
    CLEANUP(close_fd) int kept = dup(STDERR_FILENO);
    assert_true(file && kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    struct run run;
    start(&run, pinentry);
    dup2(kept, STDERR_FILENO);
    put(&run, &pin_question);
    assert_int_equal(take(&run).outcome, OUTCOME_PROMPT_UNAVAILABLE);
    rewind(file);
    log[fread(log, 1, sizeof log - 1, file)] = '\0';
    fclose(file);
    if (!strstr(log, line))
        fail_msg("the log does not say: %s\nbut: %s", line, log);
}

static void a_missing_program_is_said(void **state)
{
    (void)state;
    assert_fails_saying("/nonexistent/pinentry",
                        "pinentry: /nonexistent/pinentry: No such file or directory\n");
    assert_fails_saying("/etc/passwd", "pinentry: /etc/passwd: Permission denied\n");
}

static void a_desktop_without_place_for_a_window_is_said(void **state)
{
    (void)state;
    static const char *const places[] = {"DISPLAY", "WAYLAND_DISPLAY", "GPG_TTY"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        unsetenv(places[i]);
    script("no-tty");
    assert_fails_saying(FAKE, "no DISPLAY, WAYLAND_DISPLAY or GPG_TTY in the agent's environment: "
                              "the PIN prompt has nowhere to appear\n");
}

static void a_text_is_shown_whole_or_not_at_all(void **state)
{
    (void)state;
    struct prompt_question question = pin_question;
    memset(question.text, 'x', sizeof question.text - 1);
    assert_int_equal(ask(&question, "D:1234").outcome, OUTCOME_PROMPT_UNAVAILABLE);
    assert_null(strstr(read_log(), "GETPIN"));
    question.text[900] = '\0';
    assert_int_equal(ask(&question, "D:1234").outcome, OUTCOME_OK);
    memset(question.text, '%', 900);
    assert_int_equal(ask(&question, "D:1234").outcome, OUTCOME_PROMPT_UNAVAILABLE);
}

static void a_confirmation_is_yes_or_cancelled(void **state)
{
    (void)state;
    assert_int_equal(ask(&confirm_question, "ok").outcome, OUTCOME_OK);
    assert_int_equal(ask(&confirm_question, "not-confirmed").outcome, OUTCOME_CANCELLED);
    assert_int_equal(ask(&confirm_question, "cancel").outcome, OUTCOME_CANCELLED);
    assert_int_equal(ask(&confirm_question, "timeout").outcome, OUTCOME_TIMED_OUT);
}

static void a_choice_walks_through_the_cards(void **state)
{
    (void)state;
    static const struct {
        const char *answers;
        uint32_t outcome;
        uint8_t choice;
    } rows[] = {
        {"ok", OUTCOME_OK, 0},
        {"not-confirmed ok", OUTCOME_OK, 1},
        {"not-confirmed not-confirmed ok", OUTCOME_OK, 2},
        {"not-confirmed not-confirmed not-confirmed ok", OUTCOME_OK, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct result result = ask(&choice_question, rows[i].answers);
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_int_equal(result.choice, rows[i].choice);
    }
    assert_logged("SETDESC Whose card?%0A%0A2/3: Béla");
    assert_logged("SETNOTOK Next");
    assert_int_equal(ask(&choice_question, "not-confirmed cancel").outcome, OUTCOME_CANCELLED);
    assert_int_equal(ask(&choice_question, "not-confirmed timeout").outcome, OUTCOME_TIMED_OUT);
}

static void a_single_choice_has_no_next(void **state)
{
    (void)state;
    struct prompt_question question = choice_question;
    question.choice_count = 1;
    assert_int_equal(ask(&question, "ok").outcome, OUTCOME_OK);
    assert_null(strstr(read_log(), "SETNOTOK"));
    assert_int_equal(ask(&question, "not-confirmed").outcome, OUTCOME_CANCELLED);
}

static void the_pin_pads_notice_can_only_be_called_off(void **state)
{
    (void)state;
    assert_int_equal(ask(&pad_question, "ok").outcome, OUTCOME_CANCELLED);
    assert_logged("SETOK Cancel");
    assert_logged("CONFIRM --one-button");
    assert_int_equal(ask(&pad_question, "timeout").outcome, OUTCOME_TIMED_OUT);
}

static void the_desktop_is_described(void **state)
{
    (void)state;
    setenv("GPG_TTY", "/dev/pts/9", 1);
    setenv("DISPLAY", ":7\nSETDESC forged", 1);
    setenv("ASSUAN_DEBUG", "255", 1);
    assert_int_equal(ask(&pin_question, "D:1234").outcome, OUTCOME_OK);
    unsetenv("GPG_TTY");
    unsetenv("DISPLAY");
    unsetenv("ASSUAN_DEBUG");
    assert_logged("OPTION ttyname=/dev/pts/9");
    assert_logged("OPTION grab");
    assert_null(strstr(read_log(), "forged"));
}

/* ---- the agent goes away ---- */

/* Waits until the script's log has the text. */
static void await_log(const char *text)
{
    while (!strstr(read_log(), text))
        poll(NULL, 0, 5);
}

static void a_hang_up_takes_the_window_away(void **state)
{
    (void)state;
    struct run run;
    script("hang");
    start(&run, FAKE);
    put(&run, &pin_question);
    await_log("GETPIN");
    pid_t pinentry = (pid_t)strtol(log_text + strlen("PID "), NULL, 10);
    assert_true(pinentry > 0);
    close_fd(&run.socket);
    int status;
    assert_int_equal(waitpid(run.pid, &status, 0), run.pid);
    /* Orphaned, it became ours (PR_SET_CHILD_SUBREAPER). */
    assert_int_equal(waitpid(pinentry, &status, 0), pinentry);
    assert_true(WIFSIGNALED(status));
}

static void a_malformed_question_gets_no_answer(void **state)
{
    (void)state;
    struct run run;
    script("D:1234");
    start(&run, FAKE);
    assert_int_equal(frame_send(run.socket, "nonsense", 8, PROMPT_QUESTION_BYTES_MAX), 0);
    char byte;
    assert_int_equal(read(run.socket, &byte, 1), 0);
    assert_int_not_equal(end(&run), 0);
    assert_string_equal(read_log(), "");
}

static void wrong_arguments_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *pinentry, *parent;
    } rows[] = {{"pinentry", "1"}, {FAKE, ""}, {FAKE, "0"}, {FAKE, "12x"}, {FAKE, "1"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct run run;
        start_with(&run, rows[i].pinentry, rows[i].parent);
        assert_int_not_equal(end(&run), 0);
    }
}

/* ---- the real one ---- */

static void the_real_pinentry_reads_a_pin_from_a_terminal(void **state)
{
    (void)state;
    if (access(REAL_TTY, X_OK) < 0)
        skip();
    CLEANUP(close_fd) int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    setenv("GPG_TTY", ptsname(terminal), 1);
    setenv("TERM", "dumb", 1);
    struct run run;
    start(&run, REAL_TTY);
    put(&run, &pin_question);
    char shown[4096] = "";
    size_t have = 0;
    while (!strstr(shown, "PIN:") && have < sizeof shown - 1) {
        ssize_t n = read(terminal, shown + have, sizeof shown - 1 - have);
        if (n > 0)
            shown[have += (size_t)n] = '\0';
        else
            poll(NULL, 0, 5); /* nobody has opened the terminal yet */
    }
    assert_non_null(strstr(shown, "https://login.example"));
    assert_int_equal(write(terminal, "2468\n", 5), 5);
    struct result result = take(&run);
    unsetenv("GPG_TTY");
    assert_int_equal(result.outcome, OUTCOME_OK);
    assert_string_equal(result.pin, "2468");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pin_is_asked_for_in_the_agents_words),
        cmocka_unit_test(pins_are_decoded),
        cmocka_unit_test(every_ending_has_its_outcome),
        cmocka_unit_test(a_missing_program_is_said),
        cmocka_unit_test(a_desktop_without_place_for_a_window_is_said),
        cmocka_unit_test(a_text_is_shown_whole_or_not_at_all),
        cmocka_unit_test(a_confirmation_is_yes_or_cancelled),
        cmocka_unit_test(a_choice_walks_through_the_cards),
        cmocka_unit_test(a_single_choice_has_no_next),
        cmocka_unit_test(the_pin_pads_notice_can_only_be_called_off),
        cmocka_unit_test(the_desktop_is_described),
        cmocka_unit_test(a_hang_up_takes_the_window_away),
        cmocka_unit_test(a_malformed_question_gets_no_answer),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(the_real_pinentry_reads_a_pin_from_a_terminal),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
