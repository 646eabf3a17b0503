// RequestReader: what is a request, however its bytes are cut; and each bound, on both sides.
#include "admin/http_request.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace onehop::admin {
namespace {

using State = RequestReader::State;

const std::string kHost = "Host: localhost\r\n";

// Feeds all of it in pieces of `size`, and says where it ended; `used` is how many bytes were taken.
State feed(RequestReader& reader, std::string_view bytes, size_t size, size_t& used) {
  used = 0;
  State state = State::kNeedMore;
  while (used < bytes.size() && state == State::kNeedMore) {
    size_t taken = 0;
    state = reader.read(bytes.substr(used, size), taken);
    used += taken;
  }
  return state;
}

State feed(RequestReader& reader, std::string_view bytes) {
  size_t used = 0;
  return feed(reader, bytes, bytes.size(), used);
}

unsigned status_of(const std::string& bytes) {
  RequestReader reader;
  return feed(reader, bytes) == State::kRefused ? reader.status() : 0;
}

TEST(RequestReader, ReadsARequestCutAnywhere) {
  const std::string one =
      "POST /api/v1/kick?name=a%20b+c&text=%C3%A9&flag HTTP/1.1\r\nHost: [::1]:7412\r\nORIGIN: null\r\n" +
      std::string("Authorization: Bearer x\r\nContent-Length: 3\r\n\r\nabc");
  const std::string two = "GET /livez HTTP/1.1\r\n" + kHost + "Connection: close\r\n\r\n";
  const std::string both = one + two;
  for (size_t size = 1; size <= both.size(); ++size) {
    RequestReader reader;
    size_t used = 0;
    ASSERT_EQ(feed(reader, both, size, used), State::kRequest) << size;
    EXPECT_EQ(used, one.size()) << size;
    const Request& request = reader.request();
    EXPECT_EQ(request.method, Request::Method::kPost);
    EXPECT_EQ(request.path, "/api/v1/kick");
    ASSERT_EQ(request.parameters.size(), 3u);
    EXPECT_EQ(request.parameters[0], std::pair(std::string("name"), std::string("a b c")));
    EXPECT_EQ(request.parameters[1].second, "\xC3\xA9");
    EXPECT_EQ(request.parameters[2], std::pair(std::string("flag"), std::string()));
    EXPECT_EQ(request.host, "[::1]:7412");
    EXPECT_EQ(request.authorization, "Bearer x");
    EXPECT_TRUE(request.has_origin);
    EXPECT_TRUE(request.keep_alive);
    reader.next();
    EXPECT_FALSE(reader.begun());
    ASSERT_EQ(feed(reader, std::string_view(both).substr(used), size, used), State::kRequest) << size;
    EXPECT_EQ(used, two.size()) << size;
    EXPECT_EQ(reader.request().path, "/livez");
    EXPECT_FALSE(reader.request().has_origin);
    EXPECT_FALSE(reader.request().authorization);
    EXPECT_FALSE(reader.request().keep_alive);
  }
}

TEST(RequestReader, CutInTwoAtEachPosition) {
  const std::string text = "HEAD /metrics?a=b HTTP/1.0\r\nAccept: */*\r\nHost: x\r\n\r\n";
  for (size_t cut = 1; cut < text.size(); ++cut) {
    RequestReader reader;
    EXPECT_EQ(feed(reader, text.substr(0, cut)), State::kNeedMore) << cut;
    EXPECT_TRUE(reader.begun());
    ASSERT_EQ(feed(reader, text.substr(cut)), State::kRequest) << cut;
    EXPECT_EQ(reader.request().method, Request::Method::kHead);
    EXPECT_EQ(reader.request().path, "/metrics");
    EXPECT_FALSE(reader.request().keep_alive) << "HTTP/1.0 closes";
  }
}

TEST(RequestReader, RefusesWhatIsNoRequest) {
  EXPECT_EQ(status_of("hello\r\n\r\n"), 400u);
  EXPECT_EQ(status_of(std::string("\x16\x03\x01\x02", 4)), 400u) << "TLS";
  EXPECT_EQ(status_of("GET x HTTP/1.1\r\n" + kHost + "\r\n"), 400u);
  EXPECT_EQ(status_of("GET http://evil.example/ HTTP/1.1\r\n" + kHost + "\r\n"), 400u);
  EXPECT_EQ(status_of("GET /?a=%zz HTTP/1.1\r\n" + kHost + "\r\n"), 400u);
  EXPECT_EQ(status_of("GET /?a=%4 HTTP/1.1\r\n" + kHost + "\r\n"), 400u);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n\r\n"), 400u) << "no Host";
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + kHost + kHost + "\r\n"), 400u) << "two of them";
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\n" + kHost + "Authorization: a\r\nAuthorization: b\r\n\r\n"), 400u);
  EXPECT_EQ(status_of("GET / HTTP/2.0\r\n" + kHost + "\r\n"), 505u);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\n" + kHost + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"), 400u);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\n" + kHost + "Content-Length: 99999999999999999999999\r\n\r\n"), 400u);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n"), 411u);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: gzip\r\n\r\n"), 411u);
}

TEST(RequestReader, AfterARefusalNothingIsRead) {
  RequestReader reader;
  EXPECT_EQ(feed(reader, "hello\r\n\r\n"), State::kRefused);
  size_t taken = 1;
  EXPECT_EQ(reader.read("GET / HTTP/1.0\r\n\r\n", taken), State::kRefused);
  EXPECT_EQ(taken, 0u);
}

TEST(RequestReader, BoundsTheHead) {
  const std::string begin = "GET / HTTP/1.1\r\n" + kHost + "X: ";
  const auto head_of = [&](size_t size) { return begin + std::string(size - begin.size() - 4, 'x') + "\r\n\r\n"; };
  EXPECT_EQ(status_of(head_of(kHeadBytesMax)), 0u);
  EXPECT_EQ(status_of(head_of(kHeadBytesMax + 1)), 431u);
  EXPECT_EQ(status_of(std::string(kHeadBytesMax + 1, '\n')), 431u) << "empty lines before a request count";
}

TEST(RequestReader, BoundsTheTarget) {
  const auto request = [](size_t size) {
    return "GET /" + std::string(size - 1, 'a') + " HTTP/1.1\r\n" + kHost + "\r\n";
  };
  EXPECT_EQ(status_of(request(kTargetBytesMax)), 0u);
  EXPECT_EQ(status_of(request(kTargetBytesMax + 1)), 414u);
}

TEST(RequestReader, SkipsABodyUpToItsBound) {
  const auto head = [](size_t size) {
    return "POST /x HTTP/1.1\r\n" + kHost + "Content-Length: " + std::to_string(size) + "\r\n\r\n";
  };
  EXPECT_EQ(status_of(head(kRequestBodyBytesMax + 1)), 413u);
  RequestReader reader;
  EXPECT_EQ(feed(reader, head(kRequestBodyBytesMax)), State::kNeedMore);
  EXPECT_EQ(feed(reader, std::string(kRequestBodyBytesMax - 1, 'b')), State::kNeedMore);
  size_t taken = 0;
  EXPECT_EQ(reader.read("bGET", taken), State::kRequest);
  EXPECT_EQ(taken, 1u) << "what follows is the next request's";
}

TEST(RequestReader, ToSpeakSomethingElseIsNotTakenUp) {
  RequestReader reader;
  EXPECT_EQ(feed(reader, "GET / HTTP/1.1\r\n" + kHost + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
            State::kRequest);
  EXPECT_FALSE(reader.request().keep_alive);
}

}  // namespace
}  // namespace onehop::admin
