// See the header.
#include "tls/tls_transport.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "tls/hello_gate.h"

namespace onehop::tls {
namespace {

constexpr size_t kPlaintextBytesMax = 16 << 10;  // Of one record.
// write() takes no more while so much is sealed: a full record, and most of another one. More would not be sent in
// fewer calls, and blocks of memory of that size are slow to get and to give back.
constexpr size_t kSealedBytesMax = 2 * kPlaintextBytesMax;
constexpr size_t kOverheadBytes = 256;  // What records add.
// Reading may give rise to output, for example when the peer changes its keys. Who asks for that and does not read the
// answers would make them pile up. Far more than write() leaves here.
constexpr size_t kAnswerBytesMax = 2 * transport::Transport::kOutputBytesMax;

// A fatal alert "unexpected message", for peers that do not speak TLS but may know what this is.
constexpr core::Bytes kPlainAlert("\x15\x03\x03\x00\x02\x02\x0a", 7);
constexpr core::Bytes kHttpAnswer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 36\r\n\r\n"
    "This port speaks onehop, over TLS.\r\n";

// OpenSSL's names of alerts end before those that TLS 1.3 brought.
const char* name_of_alert(int alert) {
  if (alert == SSL_AD_CERTIFICATE_REQUIRED) return "certificate required";
  if (alert == SSL_AD_NO_APPLICATION_PROTOCOL) return "no application protocol";
  return SSL_alert_desc_string_long(alert);
}

size_t bytes_in(std::span<const core::Iov> pieces) {
  size_t size = 0;
  for (const core::Iov& piece : pieces) size += piece.size;
  return size;
}

// The bytes of `pieces`, as records want them: large ones in place, small ones gathered in `space`.
class Gatherer {
 public:
  explicit Gatherer(std::span<const core::Iov> pieces) : pieces_(pieces) {}

  core::Bytes next(std::array<char, kPlaintextBytesMax>& space) {
    skip_empty();
    if (pieces_.empty()) return {};
    const core::Bytes front = rest_of_front();
    if (front.size() >= space.size()) return take(space.size());
    if (pieces_.size() == 1) return take(front.size());
    size_t size = 0;
    for (skip_empty(); !pieces_.empty() && size < space.size(); skip_empty()) {
      const core::Bytes bytes = take(std::min(space.size() - size, rest_of_front().size()));
      std::memcpy(space.data() + size, bytes.data(), bytes.size());
      size += bytes.size();
    }
    return {space.data(), size};
  }

 private:
  core::Bytes rest_of_front() const { return core::Bytes(pieces_.front().data, pieces_.front().size).substr(taken_); }
  void skip_empty() {
    while (!pieces_.empty() && taken_ == pieces_.front().size) {
      pieces_ = pieces_.subspan(1);
      taken_ = 0;
    }
  }
  core::Bytes take(size_t size) {
    const core::Bytes bytes = rest_of_front().substr(0, size);
    taken_ += size;
    return bytes;
  }

  std::span<const core::Iov> pieces_;
  size_t taken_ = 0;  // Of the first of them.
};

}  // namespace

TlsTransport::TlsTransport(std::shared_ptr<const ServerIdentity> identity)
    : is_server_(true), identity_(std::move(identity)) {}

TlsTransport::TlsTransport(SslPointer client) : is_server_(false), ssl_(std::move(client)) {
  if (attach_queues()) shake();
}

bool TlsTransport::attach_queues() {
  BIO* bio = ssl_ == nullptr ? nullptr : new_stream_bio(queues_);
  if (bio == nullptr) {
    break_off("there is no memory for a TLS connection");
    return false;
  }
  SSL_set_bio(ssl_.get(), bio, bio);
  return true;
}

void TlsTransport::take_input(core::Bytes bytes) {
  if (!error_.empty()) return;
  queues_.input.append(bytes);
  if (opened_) return;
  if (ssl_ != nullptr) return shake();
  if (!has_hello_) look_at_hello();
}

void TlsTransport::look_at_hello() {
  switch (tls::look_at_hello(queues_.input.front())) {
    case Hello::kNeedMore:
      return;
    case Hello::kWhole:
      has_hello_ = true;
      return;
    case Hello::kHttp:
      queues_.output.append(kHttpAnswer);
      return break_off("this is a plaintext HTTP request; the port speaks TLS");
    case Hello::kPlaintext:
      queues_.output.append(kPlainAlert);
      return break_off("this is plaintext; the port speaks TLS");
    case Hello::kBroken:
      queues_.output.append(kPlainAlert);
      return break_off("the TLS hello is broken");
  }
}

void TlsTransport::do_work() {
  if (!has_work()) return;
  ERR_clear_error();
  ssl_ = identity_->new_ssl();
  if (attach_queues()) shake();
}

void TlsTransport::shake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    opened_ = true;
    has_certificate_ = SSL_get0_peer_certificate(ssl_.get()) != nullptr;
  } else if (may_go_on(result) && input_ended_) {
    break_off("the connection ended within its TLS handshake");
  }
}

void TlsTransport::end_input() {
  input_ended_ = true;
  if (peer_ended_ || !error_.empty()) return;
  if (!opened_) return break_off("the connection ended within its TLS handshake");
  // Nothing is left that could hold a close_notify.
  if (queues_.input.empty() && SSL_pending(ssl_.get()) == 0) break_off("the TLS stream was truncated");
}

size_t TlsTransport::read(std::span<char> into) {
  if (!is_open() || peer_ended_) return 0;
  ERR_clear_error();
  size_t size = 0;
  while (size < into.size()) {
    size_t read = 0;
    const int result = SSL_read_ex(ssl_.get(), into.data() + size, into.size() - size, &read);
    size += read;
    if (result == 1) continue;
    if (may_go_on(result) && size == 0 && input_ended_) break_off("the TLS stream was truncated");
    break;
  }
  if (queues_.output.size() > kAnswerBytesMax) break_off("the peer asks for TLS messages that it does not read");
  return size;
}

size_t TlsTransport::write(std::span<const core::Iov> pieces) {
  if (!is_open()) return 0;
  std::array<char, kPlaintextBytesMax> space;
  Gatherer gatherer(pieces);
  ERR_clear_error();
  queues_.output.make_room(std::min(bytes_in(pieces), kSealedBytesMax) + kOverheadBytes);
  size_t taken = 0;
  while (queues_.output.size() < kSealedBytesMax) {
    const core::Bytes next = gatherer.next(space);
    if (next.empty()) return taken;
    if (!seal(next)) return taken;
    taken += next.size();
  }
  return taken;
}

// The queue takes all, so that a record is never sealed in part.
bool TlsTransport::seal(core::Bytes bytes) {
  size_t written = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written);
  if (result == 1 && written == bytes.size()) return true;
  if (may_go_on(result)) break_off("OpenSSL has sealed a record in part");
  return false;
}

void TlsTransport::end() {
  if (!is_open()) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

transport::Transport::State TlsTransport::state() const {
  if (!error_.empty()) return State::kBroken;
  if (peer_ended_) return State::kEnded;
  return opened_ ? State::kOpen : State::kHandshake;
}

bool TlsTransport::may_go_on(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return true;
    case SSL_ERROR_ZERO_RETURN:
      peer_ended_ = true;
      return false;
    default:
      break_off(describe_failure());
      return false;
  }
}

std::string TlsTransport::describe_failure() const {
  const unsigned long code = ERR_peek_last_error();
  const int reason = ERR_GET_REASON(code);
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return take_openssl_error();
  if (reason >= SSL_AD_REASON_OFFSET) {
    ERR_clear_error();
    return std::string("the peer refused with the TLS alert '") + name_of_alert(reason - SSL_AD_REASON_OFFSET) + "'";
  }
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    ERR_clear_error();
    return std::string(is_server_ ? "the client's" : "the server's") +
           " certificate is not accepted: " + X509_verify_cert_error_string(SSL_get_verify_result(ssl_.get()));
  }
  if (reason == SSL_R_WRONG_VERSION_NUMBER && !is_server_ && !opened_) {
    ERR_clear_error();
    return "the server answers in plaintext: it does not speak TLS there";
  }
  return "TLS: " + take_openssl_error();
}

void TlsTransport::break_off(std::string why) {
  if (!error_.empty()) return;
  error_ = std::move(why);
  drop_ssl();
  queues_.input.pop(queues_.input.size());
}

// A connection that breaks leaves its session usable: whoever comes back after a break is the one who needs it.
void TlsTransport::drop_ssl() {
  if (ssl_ == nullptr) return;
  if (opened_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  ssl_.reset();
  ERR_clear_error();
}

size_t TlsTransport::held_bytes() const {
  const size_t queued = queues_.input.held_bytes() + queues_.output.held_bytes();
  if (ssl_ == nullptr) return queued;
  if (!opened_) return queued + kHandshakeBytes;
  return queued + kOpenBytes + (has_certificate_ ? kCertificateBytes : 0) +
         (SSL_has_pending(ssl_.get()) == 1 ? kRecordBytes : 0);
}

std::string TlsTransport::peer_certificate() const {
  X509* certificate = is_open() ? SSL_get0_peer_certificate(ssl_.get()) : nullptr;
  if (certificate == nullptr || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return {};
  const int size = i2d_X509(certificate, nullptr);
  if (size <= 0) return {};
  std::string der(static_cast<size_t>(size), '\0');
  auto* out = reinterpret_cast<unsigned char*>(der.data());
  i2d_X509(certificate, &out);
  return der;
}

}  // namespace onehop::tls
