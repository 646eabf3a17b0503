// The socket as OpenSSL sees it: two queues in memory. OpenSSL's own memory BIOs would cost each connection 1.7 KiB
// more, and keep what they once grew to.
#pragma once

#include <openssl/bio.h>

#include "transport/byte_queue.h"

namespace onehop::tls {

struct WireQueues {
  transport::ByteQueue input;   // From the socket.
  transport::ByteQueue output;  // To the socket.
};

// A BIO over these queues, which outlive it. Reading an empty queue says "again"; writing takes everything. Null: no
// memory.
BIO* new_stream_bio(WireQueues& queues);

}  // namespace onehop::tls
