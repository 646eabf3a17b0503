// Handshake: from the first bytes of a connection to its session. It reads the Connect, asks the host about the
// credentials, and decides who may have the name: a new session, one that is resumed, or one taken over.
//
// Invariant: a link that is asking has one ticket, and `asking_` leads from the ticket back to the link.
#pragma once

#include <cstdint>
#include <string>

#include <absl/container/flat_hash_map.h>

#include "core/base/bytes.h"
#include "core/base/ids.h"
#include "core/session/session.h"
#include "core/shard/seam.h"
#include "core/shard/takeover_log.h"
#include "core/wire/control_frames.h"
#include "core/wire/frame_decoder.h"
#include "onehop/v1/onehop.pb.h"

namespace onehop::core {

struct ShardParts;

class Handshake {
 public:
  explicit Handshake(ShardParts& shard) : shard_(shard) {}
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  // Reads the first frame. True if the link now has a session and its next frames may be decoded.
  bool pass_lobby(LinkId id, Link& link, Input& in);
  void on_answer(Ticket ticket, const Answer& answer);
  // Answers that were asked for before may be of the policy from before.
  void policy_changed();
  // Nobody waits for the answer any more.
  void drop_question(Link& link);

 private:
  void ask(LinkId id, Link& link, const v1::Connect& connect);
  void take_answer(LinkId id, Link& link, const v1::Connect& connect, const Answer& answer);
  void claim(LinkId id, Link& link, const v1::Connect& connect, const Answer& answer);
  void refuse_full_house(LinkId id, Link& link, Bytes name);
  bool displace(SessionId elder, const v1::Connect& connect, const Answer& answer, Farewell& refusal);
  uint32_t contest(LinkId id, Link& link, Session& session);
  void open_session(LinkId id, Link& link, const v1::Connect& connect, const Answer& answer, Bytes name, uint64_t hash);
  void attach(LinkId id, Link& link, SessionId session_id, Session& session, const v1::Connect& connect,
              Instant credentials_end);
  void answer_connected(Link& link, const Session& session, bool resumed);
  std::string make_name();
  void resume(LinkId id, Link& link, SessionId session_id, const v1::Connect& connect, Instant credentials_end);
  Bytes wrong_with_resume(const Session& session, const v1::Connect& connect) const;
  static uint64_t acked_receipts(const Session& session, const v1::Connect& connect);
  void silence_elder(Session& session);

  ShardParts& shard_;
  TakeoverLog takeovers_;
  absl::flat_hash_map<uint64_t, LinkId> asking_;  // By ticket.
  uint64_t next_ticket_ = 1;
  uint64_t old_tickets_end_ = 0;  // Tickets below this are of a policy from before.
  v1::Connect connect_;           // The one that is being read.
};

}  // namespace onehop::core
