// TLS as a transport, for both sides, over OpenSSL.
//
// A server has no state of OpenSSL before the whole hello of its client is there (hello_gate.h). Then it has work to do
// (has_work), because the first step of a handshake costs much time and much memory: who owns it says when.
//
// Invariants, beside those of Transport:
//  * What was sealed is in the output, and OpenSSL holds nothing back: so end() comes behind all that was written.
//  * A stream ends by the peer's close_notify only. If the socket ends before, it is kBroken: somebody may have cut it.
//  * Once it is broken OpenSSL's state is gone, and only the alert is left.
#pragma once

#include <memory>
#include <string>

#include "tls/openssl.h"
#include "tls/server_identity.h"
#include "tls/stream_bio.h"
#include "transport/transport.h"

namespace onehop::tls {

class TlsTransport final : public transport::Transport {
 public:
  // The server's side.
  explicit TlsTransport(std::shared_ptr<const ServerIdentity> identity);
  // The client's side, of ClientIdentity::new_ssl. The first bytes of its handshake are output at once.
  explicit TlsTransport(SslPointer client);
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;
  ~TlsTransport() override { drop_ssl(); }

  // What OpenSSL holds for one connection. tests/tls holds these against what malloc says.
  static constexpr size_t kHandshakeBytes = 80 << 10;
  static constexpr size_t kOpenBytes = 14 << 10;
  static constexpr size_t kCertificateBytes = 9 << 10;  // On top, of a peer that has shown one.
  static constexpr size_t kRecordBytes = 17 << 10;      // On top, while a record has come in part.

  void take_input(core::Bytes bytes) override;
  void end_input() override;
  size_t read(std::span<char> into) override;
  size_t write(std::span<const core::Iov> pieces) override;
  void end() override;
  core::Bytes output() const override { return queues_.output.front(); }
  void output_written(size_t size) override { queues_.output.pop(size); }
  State state() const override;
  core::Bytes error() const override { return error_; }
  size_t held_bytes() const override;
  bool has_work() const override { return has_hello_ && ssl_ == nullptr && error_.empty(); }
  void do_work() override;
  std::string peer_certificate() const override;
  // Whether an earlier session went on, without certificates being looked at again.
  bool is_resumed() const { return is_open() && SSL_session_reused(ssl_.get()) == 1; }

 private:
  bool is_open() const { return opened_ && error_.empty(); }
  void look_at_hello();
  bool attach_queues();
  void shake();
  // Whether the call on ssl_ that returned `result` may be repeated; otherwise the stream has ended or is broken.
  bool may_go_on(int result);
  std::string describe_failure() const;
  bool seal(core::Bytes bytes);
  void break_off(std::string why);
  void drop_ssl();

  const bool is_server_;
  bool has_hello_ = false;
  bool opened_ = false;
  bool has_certificate_ = false;  // Of the peer.
  bool peer_ended_ = false;       // By its close_notify.
  bool input_ended_ = false;      // The socket is at its end.
  std::shared_ptr<const ServerIdentity> identity_;
  WireQueues queues_;  // Outlives ssl_.
  SslPointer ssl_;
  std::string error_;
};

}  // namespace onehop::tls
