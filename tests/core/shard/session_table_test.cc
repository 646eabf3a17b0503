// The session as a table: each frame a client can send, in each state its connection or its session can be in. A cell
// is everything that the world sees of it, in a few words.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>

#include "confirmed.h"

namespace onehop::core::test {
namespace {

// Before each cell: bob's window has one open delivery of alice's (id 5, tag 1), alice's has one of bob's (tag 1), and
// alice was told one outcome (id 4, refused: receipts 1).
struct World {
  World() : pair(1) {
    pair.alice.send(confirmed_frame(pair.broker.name_on(1, "nobody"), 4));
    pair.alice.send(confirmed_frame(pair.bobs_name, 5));
    pair.bob.send(confirmed_frame(pair.alices_name, 1));
    pair.alice.read();
    pair.bob.read();
  }

  // What happened since, in the order seen: by the client under test, then by bob.
  std::string seen(FakeClient& client) {
    std::string words;
    for (const v1::Frame& frame : client.read()) words += word_for(frame, "");
    for (const v1::Frame& frame : pair.bob.read()) words += word_for(frame, "bob:");
    if (!words.empty()) words.pop_back();
    return words.empty() ? "nothing" : words;
  }
  static std::string word_for(const v1::Frame& frame, const std::string& who) {
    switch (frame.kind_case()) {
      case v1::Frame::kConnected:
        return who + (frame.connected().resumed() ? "resumed " : "connected ");
      case v1::Frame::kMessage:
        return who + (frame.message().delivery_tag() == 0 ? "message " : "delivery ");
      case v1::Frame::kReceipts: {
        const v1::Receipt& item = frame.receipts().items(0);
        return who + (frame.receipts().seq() == 0 ? "refusal " : v1::Outcome_Name(item.outcome()).substr(8) + " ");
      }
      case v1::Frame::kPong:
        return who + "pong ";
      case v1::Frame::kGoodbye:
        return who + v1::Code_Name(frame.goodbye().code()).substr(5) + " ";
      default:
        return who + "other ";
    }
  }

  LastingPair pair;
};

using MakeFrame = std::function<std::string(World&)>;

const std::map<std::string, MakeFrame>& frames() {
  static const std::map<std::string, MakeFrame> kFrames{
      {"connect", [](World& w) { return wire(lasting_frame(w.pair.alices_name)); }},
      {"resume", [](World& w) { return wire(resume_frame(w.pair.alice.connected(), 9, 1)); }},
      {"message", [](World& w) { return wire(message_frame(w.pair.bobs_name, 6, "")); }},
      {"confirmed message", [](World& w) { return wire(confirmed_frame(w.pair.bobs_name, 6)); }},
      {"id not above", [](World& w) { return wire(message_frame(w.pair.bobs_name, 5, "")); }},
      {"confirmed id not above", [](World& w) { return wire(confirmed_frame(w.pair.bobs_name, 5)); }},
      {"no id", [](World& w) { return wire(message_frame(w.pair.bobs_name, 0, "")); }},
      {"confirmed without id", [](World& w) { return wire(confirmed_frame(w.pair.bobs_name, 0)); }},
      {"ack up_to", [](World&) { return wire(ack_up_to(1)); }},
      {"ack taken", [](World&) { return wire(ack_taken(1, 1)); }},
      {"ack refused", [](World&) { return wire(ack_refused(1)); }},
      {"ack of receipts", [](World&) { return wire(ack_receipts(1)); }},
      {"ack of nothing", [](World&) { return wire(ack_up_to(0)); }},
      {"ack above", [](World&) { return wire(ack_up_to(2)); }},
      {"ack of receipts above", [](World&) { return wire(ack_receipts(2)); }},
      {"ack of another session",
       [](World& w) {
         v1::Frame frame = ack_up_to(99);
         frame.mutable_ack()->set_session(w.pair.bob.connected().session());
         return wire(frame);
       }},
      {"flow", [](World& w) { return wire(flow_frame(w.pair.bobs_name, v1::STATE_RESUME)); }},
      {"flow pause", [](World& w) { return wire(flow_frame(w.pair.bobs_name, v1::STATE_PAUSE)); }},
      {"ping", [](World&) { return wire(ping_frame(3)); }},
      {"pong", [](World&) { return raw_frame(8, ""); }},
      {"goodbye", [](World&) { return wire(goodbye_frame(v1::CODE_NORMAL)); }},
      {"goodbye for now", [](World&) { return wire(goodbye_frame(v1::CODE_ADMINISTRATIVE)); }},
      {"connected", [](World&) { return raw_frame(2, ""); }},
      {"receipts", [](World&) { return raw_frame(5, ""); }},
      {"renew", [](World&) { return wire(renew_frame("token")); }},
      {"renewed", [](World&) { return raw_frame(11, ""); }},
      {"unknown", [](World&) { return raw_frame(12, ""); }},
  };
  return kFrames;
}

using Row = std::map<std::string, std::string>;

// What a new session's first frame does; where a row says nothing else, these hold.
Row row_of_a_new_session() {
  return {
      {"connect", "PROTOCOL_ERROR"},
      {"resume", "PROTOCOL_ERROR"},
      {"message", "bob:message"},
      {"confirmed message", "bob:delivery"},
      {"id not above", "bob:message"},  // It is the first of this session.
      {"confirmed id not above", "bob:delivery"},
      {"no id", "bob:message"},
      {"confirmed without id", "PROTOCOL_ERROR"},
      {"ack up_to", "PROTOCOL_ERROR"},
      {"ack taken", "PROTOCOL_ERROR"},
      {"ack refused", "PROTOCOL_ERROR"},
      {"ack of receipts", "PROTOCOL_ERROR"},
      {"ack of nothing", "nothing"},
      {"ack above", "PROTOCOL_ERROR"},
      {"ack of receipts above", "PROTOCOL_ERROR"},
      {"ack of another session", "nothing"},
      {"flow", "nothing"},
      {"flow pause", "PROTOCOL_ERROR"},
      {"ping", "pong"},
      {"pong", "nothing"},
      {"goodbye", "NORMAL"},
      {"goodbye for now", "NORMAL"},
      {"connected", "PROTOCOL_ERROR"},
      {"receipts", "PROTOCOL_ERROR"},
      {"renew", "PROTOCOL_ERROR"},  // Without the feature.
      {"renewed", "PROTOCOL_ERROR"},
      {"unknown", "PROTOCOL_ERROR"},
  };
}

Row row_of_an_open_session() {
  Row row = row_of_a_new_session();
  row["id not above"] = row["confirmed id not above"] = "PROTOCOL_ERROR";
  row["ack up_to"] = row["ack taken"] = "bob:DELIVERED";
  row["ack refused"] = "bob:REJECTED";
  row["ack of receipts"] = "nothing";
  row["goodbye"] = "NORMAL bob:LOST";  // What was open towards alice.
  return row;
}

Row row_of_one(const std::string& word) {
  Row row;
  for (const auto& [name, make] : frames()) row[name] = word;
  return row;
}

// An error drops what was not written yet, Connected included.
std::string behind_connected(const std::string& seen) {
  const std::string connected = "connected";
  if (seen == connected) return "nothing";
  return seen.starts_with(connected) ? seen.substr(connected.size() + 1) : seen;
}

void expect_row(const Row& row, const std::function<std::string(World&, const std::string&)>& cell) {
  ASSERT_EQ(row.size(), frames().size()) << "a cell for each frame";
  for (const auto& [name, make] : frames()) {
    World world;
    EXPECT_EQ(cell(world, make(world)), row.at(name)) << "the frame: " << name;
  }
}

TEST(SessionTable, Lobby) {
  Row row = row_of_one("PROTOCOL_ERROR");
  row["connect"] = "NAME_IN_USE";
  row["resume"] = "resumed REJECTED";
  expect_row(row, [](World& world, const std::string& frame) {
    FakeClient client(world.pair.broker);
    client.send_bytes(frame);
    return world.seen(client);
  });
}

TEST(SessionTable, Asking) {
  expect_row(row_of_one("nothing"), [](World& world, const std::string& frame) {
    world.pair.broker.answer_later = true;
    FakeClient client(world.pair.broker);
    client.send_bytes(wire(connect_frame(world.pair.broker.name_on(0, "other"))) + frame);
    return world.seen(client);
  });
}

TEST(SessionTable, AskingThenAnswered) {
  expect_row(row_of_a_new_session(), [](World& world, const std::string& frame) {
    world.pair.broker.answer_later = true;
    world.pair.broker.asked.clear();
    FakeClient client(world.pair.broker);
    client.send_bytes(wire(connect_frame(world.pair.broker.name_on(0, "other"))) + frame);
    world.pair.broker.answer(world.pair.broker.asked.at(0), {true, 0, 0, {}, 0});
    return behind_connected(world.seen(client));
  });
}

TEST(SessionTable, Leaving) {
  expect_row(row_of_a_new_session(), [](World& world, const std::string& frame) {
    FakeClient client(world.pair.broker, ShardIndex{0});
    client.send_bytes(wire(connect_frame(world.pair.broker.name_on(1, "other"))) + frame);
    return behind_connected(world.seen(client));
  });
}

TEST(SessionTable, Open) {
  expect_row(row_of_an_open_session(), [](World& world, const std::string& frame) {
    world.pair.alice.send_bytes(frame);
    return world.seen(world.pair.alice);
  });
}

TEST(SessionTable, OpenAndRepeating) {
  Row row = row_of_an_open_session();
  row["id not above"] = row["confirmed id not above"] = "nothing";
  expect_row(row, [](World& world, const std::string& frame) {
    world.pair.alice.reset();
    world.pair.resume_alice();
    world.pair.alice.send_bytes(frame);
    return world.seen(world.pair.alice);
  });
}

TEST(SessionTable, OpenAndRepeatingNoMore) {
  expect_row(row_of_an_open_session(), [](World& world, const std::string& frame) {
    world.pair.alice.reset();
    world.pair.resume_alice();
    // The first id above what was processed.
    world.pair.alice.send(world.pair.broker.name_on(0, "nobody"), 6);
    world.pair.alice.read();
    const bool above = frame == wire(message_frame(world.pair.bobs_name, 6, "")) ||
                       frame == wire(confirmed_frame(world.pair.bobs_name, 6));
    world.pair.alice.send_bytes(frame);
    const std::string seen = world.seen(world.pair.alice);
    if (!above) return seen;
    EXPECT_EQ(seen, "PROTOCOL_ERROR") << "6 is not above 6";
    return std::string(frame == wire(message_frame(world.pair.bobs_name, 6, "")) ? "bob:message" : "bob:delivery");
  });
}

TEST(SessionTable, Closing) {
  expect_row(row_of_one("PROTOCOL_ERROR"), [](World& world, const std::string& frame) {
    world.pair.alice.set_room(0);
    world.pair.alice.send_bytes(std::string(1, '\0'));
    world.pair.alice.send_bytes(frame);
    EXPECT_FALSE(world.pair.alice.closed());
    world.pair.alice.take();
    return world.seen(world.pair.alice);  // Of what is said after the goodbye was decided, nothing is heard.
  });
}

TEST(SessionTable, ClosingAfterItsOwnGoodbye) {
  expect_row(row_of_one("NORMAL bob:LOST"), [](World& world, const std::string& frame) {
    world.pair.alice.send_bytes(wire(goodbye_frame(v1::CODE_NORMAL)) + frame);
    return world.seen(world.pair.alice);
  });
}

TEST(SessionTable, Detached) {
  Row row = row_of_one("nothing");
  expect_row(row, [](World& world, const std::string& frame) {
    const LinkId gone = world.pair.alice.link().id;
    world.pair.alice.reset();
    // Late bytes of a link that has ended.
    Shard& shard = world.pair.broker.shard(0);
    std::copy(frame.begin(), frame.end(), shard.receive_space({}).begin());
    shard.on_received(gone, frame.size(), world.pair.broker.now);
    world.pair.broker.settle();
    return world.seen(world.pair.alice);
  });
}

TEST(SessionTable, DetachedAndConnectedAnew) {
  Row row = row_of_one("PROTOCOL_ERROR");
  row["connect"] = "connected bob:LOST";  // The same principal: the elder gives way.
  row["resume"] = "resumed REJECTED";     // Receipts that were not acknowledged are told again.
  expect_row(row, [](World& world, const std::string& frame) {
    world.pair.alice.reset();
    FakeClient client(world.pair.broker);
    client.send_bytes(frame);
    return world.seen(client);
  });
}

}  // namespace
}  // namespace onehop::core::test
