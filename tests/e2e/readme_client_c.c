/* Alice sends a message to Bob and says what became of it. */
#include <onehop.h>
#include <stdio.h>

int main(int argc, char **argv) {
  char error[256];
  onehop_options options;
  onehop_result result;
  onehop_client *alice;
  onehop_options_init(&options, sizeof options);
  options.name = onehop_text("alice");
  alice = onehop_client_start(NULL, onehop_text(argc > 1 ? argv[1] : "tcp://127.0.0.1:7411"), &options, NULL, error, sizeof error);
  if (alice == NULL) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  if (onehop_client_send_and_wait(alice, onehop_text("bob"), onehop_text("Hello from C."), NULL, &result, sizeof result) ==
      ONEHOP_SEND_ACCEPTED) {
    printf("%s\n", onehop_outcome_name(result.outcome));
  }
  onehop_client_destroy(alice);
  return 0;
}
