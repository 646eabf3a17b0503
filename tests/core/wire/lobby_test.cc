// The lobby: a Connect is found however it is cut, and other protocols are told what this port is, however they are
// cut.
#include "core/wire/lobby.h"

#include <gtest/gtest.h>

#include <string>

#include "frames.h"

namespace onehop::core {
namespace {

using namespace std::string_literals;

struct Lobby {
  FrameDecoder decoder;
  v1::Connect connect;
  Farewell farewell;

  FirstFrame give(Bytes bytes) {
    Input in{bytes, nullptr};
    FrameView frame;
    return read_first_frame(decoder, in, connect, frame, farewell);
  }
  // In two pieces, cut at `cut`.
  FirstFrame give_cut(Bytes bytes, size_t cut) {
    const FirstFrame first = give(bytes.substr(0, cut));
    return first != FirstFrame::kNeedMore || cut == bytes.size() ? first : give(bytes.substr(cut));
  }
};

TEST(Lobby, AConnectInAnyTwoPieces) {
  const std::string bytes = test::wire(test::connect_frame("bob"));
  for (size_t cut = 1; cut <= bytes.size(); ++cut) {
    Lobby lobby;
    EXPECT_EQ(lobby.give_cut(bytes, cut), FirstFrame::kConnect) << cut;
    EXPECT_EQ(lobby.connect.name(), "bob");
  }
}

TEST(Lobby, AConnectByteByByte) {
  const std::string bytes = test::wire(test::connect_frame(std::string(200, 'n')));
  Lobby lobby;
  for (size_t i = 0; i + 1 < bytes.size(); ++i) EXPECT_EQ(lobby.give({&bytes[i], 1}), FirstFrame::kNeedMore);
  EXPECT_EQ(lobby.give({&bytes.back(), 1}), FirstFrame::kConnect);
}

TEST(Lobby, OtherProtocolsAreNamedWhereverTheyAreCut) {
  const struct {
    const char* says;
    std::string bytes;
  } kRows[] = {
      {"HTTP", "GET / HTTP/1.1\r\nHost: localhost:7411\r\nUser-Agent: a browser of some length\r\nAccept: */*\r\n\r\n"},
      {"HTTP", "GET /"},
      {"HTTP",
       "POST /messages HTTP/1.1\r\nHost: localhost:7411\r\nContent-Type: application/json\r\n"
       "Content-Length: 10000\r\nAccept-Encoding: identity\r\n\r\n"},
      {"HTTP", "PUT / HTTP/1.1\r\n"},
      {"HTTP", "HEAD / HTTP/1.1\r\n"},
      {"HTTP", "OPTIONS * HTTP/1.1\r\n"},
      {"HTTP", "DELETE / HTTP/1.1\r\n"},
      {"HTTP", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
      {"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03"s + std::string(500, 'r')},
      {"SSH", "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"},
      {"PROXY", "PROXY TCP4 192.0.2.1 127.0.0.1 40000 7411\r\n"},
      {"PROXY", "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C"s + std::string(12, 'a')},
  };
  for (const auto& row : kRows) {
    for (size_t cut = 1; cut <= row.bytes.size(); ++cut) {
      Lobby lobby;
      ASSERT_EQ(lobby.give_cut(row.bytes, cut), FirstFrame::kReject) << row.bytes << cut;
      EXPECT_EQ(lobby.farewell.code, v1::CODE_PROTOCOL_ERROR);
      EXPECT_NE(lobby.farewell.text.find(row.says), Bytes::npos) << row.bytes << cut << lobby.farewell.text;
    }
  }
}

TEST(Lobby, WhatIsNoConnectIsRejectedAtItsSecondByte) {
  Lobby lobby;
  const std::string message = test::wire(test::message_frame("bob", 1, std::string(200, 'x')));
  EXPECT_EQ(lobby.give(Bytes(message).substr(0, 3)), FirstFrame::kReject);
  EXPECT_EQ(lobby.farewell.code, v1::CODE_PROTOCOL_ERROR);
}

v1::Code rejected(const std::string& bytes) {
  Lobby lobby;
  EXPECT_EQ(lobby.give(bytes), FirstFrame::kReject);
  EXPECT_FALSE(lobby.farewell.text.empty());
  return lobby.farewell.code;
}

TEST(Lobby, Sizes) {
  constexpr size_t kFirstFrameMax = 16 << 10;
  v1::Frame large = test::connect_frame("bob");
  large.mutable_connect()->set_token(std::string(kFirstFrameMax - 13, 't'));
  ASSERT_EQ(large.ByteSizeLong(), kFirstFrameMax);
  EXPECT_EQ(Lobby().give(test::wire(large)), FirstFrame::kConnect);
  large.mutable_connect()->mutable_token()->push_back('t');
  EXPECT_EQ(rejected(test::wire(large).substr(0, 10)), v1::CODE_FRAME_TOO_LARGE) << "told by the length alone";
  EXPECT_EQ(rejected("\0"s), v1::CODE_PROTOCOL_ERROR);
  EXPECT_EQ(rejected("\xFF\xFF\xFF\xFF\xFF\x01"), v1::CODE_PROTOCOL_ERROR);
}

TEST(Lobby, Names) {
  const auto verdict = [](const std::string& name, const std::string& resume_token) {
    v1::Frame frame = test::connect_frame(name);
    frame.mutable_connect()->set_resume_token(resume_token);
    Lobby lobby;
    const FirstFrame first = lobby.give(test::wire(frame));
    EXPECT_EQ(lobby.farewell.code, first == FirstFrame::kReject ? v1::CODE_PROTOCOL_ERROR : v1::CODE_NORMAL);
    return first;
  };
  EXPECT_EQ(verdict("", ""), FirstFrame::kConnect);
  EXPECT_EQ(verdict("bob", ""), FirstFrame::kConnect);
  EXPECT_EQ(verdict(std::string(255, 'n'), ""), FirstFrame::kConnect);
  EXPECT_EQ(verdict(std::string(256, 'n'), ""), FirstFrame::kReject);
  EXPECT_EQ(verdict("two words", ""), FirstFrame::kReject);
  EXPECT_EQ(verdict("$system", ""), FirstFrame::kReject);
  EXPECT_EQ(verdict("~made", ""), FirstFrame::kReject);
  EXPECT_EQ(verdict("~made", "a token"), FirstFrame::kConnect);
}

TEST(Lobby, FramesThatProtobufWouldForgive) {
  const std::string connect = test::connect_frame("bob").connect().SerializeAsString();
  const std::string twice = test::connect_frame("bob").SerializeAsString();
  EXPECT_EQ(rejected(test::delimited(twice + twice)), v1::CODE_PROTOCOL_ERROR) << "two fields in a frame";
  EXPECT_EQ(rejected(test::raw_frame(1, connect.substr(0, connect.size() - 3))), v1::CODE_PROTOCOL_ERROR);
  EXPECT_EQ(rejected(test::raw_frame(1, "\x0A\x02\xC3\x28")), v1::CODE_PROTOCOL_ERROR) << "a name that is not UTF-8";
}

}  // namespace
}  // namespace onehop::core
