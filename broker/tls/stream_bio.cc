// See the header.
#include "tls/stream_bio.h"

#include <algorithm>
#include <cstring>

namespace onehop::tls {
namespace {

WireQueues& queues_of(BIO* bio) {
  return *static_cast<WireQueues*>(BIO_get_data(bio));
}

int read_bio(BIO* bio, char* into, size_t size, size_t* taken) {
  BIO_clear_retry_flags(bio);
  transport::ByteQueue& input = queues_of(bio).input;
  const core::Bytes front = input.front().substr(0, size);
  *taken = front.size();
  if (front.empty()) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(into, front.data(), front.size());
  input.pop(front.size());
  return 1;
}

int write_bio(BIO* bio, const char* bytes, size_t size, size_t* taken) {
  BIO_clear_retry_flags(bio);
  queues_of(bio).output.append({bytes, size});
  *taken = size;
  return 1;
}

long control_bio(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* make_method() {
  BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "onehop stream");
  if (method == nullptr) return nullptr;
  BIO_meth_set_read_ex(method, read_bio);
  BIO_meth_set_write_ex(method, write_bio);
  BIO_meth_set_ctrl(method, control_bio);
  return method;
}

}  // namespace

BIO* new_stream_bio(WireQueues& queues) {
  static const BIO_METHOD* const method = make_method();  // For as long as the process lives.
  BIO* bio = method == nullptr ? nullptr : BIO_new(method);
  if (bio == nullptr) return nullptr;
  BIO_set_data(bio, &queues);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace onehop::tls
