/* Sends one message and waits for its outcome, in C.
 *
 *   send_c SERVER TO TEXT */
#include <onehop.h>
#include <stdio.h>

int main(int argc, char** argv) {
  char error[256];
  onehop_client* client;
  onehop_send_status status;
  onehop_result result;
  if (argc != 4) {
    fprintf(stderr, "usage: send_c SERVER TO TEXT\n");
    return 2;
  }
  client = onehop_client_start(NULL, onehop_text(argv[1]), NULL, NULL, error, sizeof error);
  if (client == NULL) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  status = onehop_client_send_and_wait(client, onehop_text(argv[2]), onehop_text(argv[3]), NULL, &result, sizeof result);
  onehop_client_destroy(client);
  if (status != ONEHOP_SEND_ACCEPTED) {
    fprintf(stderr, "not sent: %s\n", onehop_send_status_name(status));
    return 1;
  }
  printf("%s\n", onehop_outcome_name(result.outcome));
  return result.outcome == ONEHOP_OUTCOME_DELIVERED ? 0 : 1;
}
