// The admin port with a real broker, through real sockets.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>

#include "admin/port.h"
#include "http_client.h"
#include "server_test/broker_rig.h"
#include "server_test/raw_client.h"

namespace onehop::test {
namespace {

using Json = nlohmann::json;

class AdminPort : public testing::Test {
 protected:
  AdminPort() { start("tcp://127.0.0.1:0"); }

  void start(const std::string& listen) {
    admin::Actions actions;
    actions.config_json = [] { return std::string("{\"settings\":[]}\n"); };
    actions.state = [] {
      admin::ProgramState state;
      state.certificates = {{"server.pem", 1'800'000'000}};
      return state;
    };
    actions.drain = [this] { broker_->drain(60'000); };
    actions.permission = [](const std::string& principal, const std::string& action, const std::string& target) {
      std::optional<admin::Permission> permission;
      if (action == "send") permission = {target == "bob", "asked about '" + principal + "' and '" + target + "'"};
      return permission;
    };
    admin::Options options;
    options.listen = listen;
    std::string error;
    port_ = admin::Port::start(options, *broker_, actions, error);
    ASSERT_NE(port_, nullptr) << error;
  }

  HttpAnswer ask(const std::string& what, const std::string& headers = "") {
    return ask_once(port_->address(), what, headers);
  }
  Json json(const std::string& what, unsigned status = 200) {
    const HttpAnswer answer = ask(what);
    EXPECT_EQ(answer.status, status) << what << ": " << answer.body;
    EXPECT_EQ(answer.headers.at("Content-Type"), "application/json");
    return Json::parse(answer.body);
  }

  BrokerRig broker_{test_options(2)};
  std::unique_ptr<admin::Port> port_;  // Before the broker.
};

TEST_F(AdminPort, AnswersProbes) {
  const HttpAnswer live = ask("GET /livez");
  EXPECT_EQ(live.status, 200u);
  EXPECT_EQ(live.body, "ok\n");
  EXPECT_EQ(live.headers.at("Cache-Control"), "no-store");
  EXPECT_EQ(ask("GET /readyz").body, "ready\n");
  broker_->drain(60'000);
  const HttpAnswer ready = ask("GET /readyz");
  EXPECT_EQ(ready.status, 503u);
  EXPECT_EQ(ready.body, "draining\n");
  EXPECT_EQ(ask("GET /livez").status, 200u) << "who drains is alive";
}

TEST_F(AdminPort, TellsClients) {
  RawClient alice(broker_.address()), bob(broker_.address());
  alice.connect("alice");
  bob.connect("bob");
  const Json page = json("GET /api/v1/clients?sort=idle&limit=1");
  EXPECT_EQ(page["found"], 2);
  EXPECT_EQ(page["clients"].size(), 1u);
  const Json found = json("GET /api/v1/clients?name=lic");
  ASSERT_EQ(found["clients"].size(), 1u);
  EXPECT_EQ(found["clients"][0]["name"], "alice");
  EXPECT_TRUE(found["clients"][0]["session"].is_string());
  EXPECT_EQ(found["clients"][0]["connected"], true);
  EXPECT_EQ(json("GET /api/v1/counters")["sessions"], 2);
  const Json trace = json("GET /api/v1/trace?from=alice&to=bob");
  EXPECT_EQ(trace["would_arrive"], true) << trace;
  EXPECT_EQ(trace["to"]["name"], "bob");
  const Json no_trace = json("GET /api/v1/trace?from=alice&to=nobody");
  EXPECT_EQ(no_trace["would_arrive"], false);
  EXPECT_TRUE(no_trace["to"].is_null());
}

TEST_F(AdminPort, TellsWhatIsAllowed) {
  const Json bob = json("GET /api/v1/permission?principal=alice&action=send&target=bob");
  EXPECT_EQ(bob["allowed"], true);
  EXPECT_EQ(bob["why"], "asked about 'alice' and 'bob'");
  EXPECT_EQ(json("GET /api/v1/permission?action=send&target=%22%0A%00%FF")["allowed"], false) << "whatever it is";
  EXPECT_EQ(json("GET /api/v1/permission?principal=alice&action=fly&target=bob", 400)["error"],
            "action is names, take_over, send, publish, subscribe, serve, request or watch");
  for (const char* query :
       {"", "?action=send", "?target=bob", "?action=send&target=bob&target=bob", "?action=send&target=bob&name=x"}) {
    EXPECT_EQ(ask("GET /api/v1/permission" + std::string(query)).status, 400u) << query;
  }
  EXPECT_EQ(ask("POST /api/v1/permission?action=send&target=bob").status, 405u);
}

TEST_F(AdminPort, Kicks) {
  RawClient alice(broker_.address());
  alice.connect("alice");
  EXPECT_EQ(json("POST /api/v1/kick?name=bob", 404)["error"], "there is no client of this name");
  EXPECT_EQ(json("POST /api/v1/kick?name=alice&text=out+of+here")["kicked"], true);
  const v1::Goodbye goodbye = alice.read_goodbye();
  EXPECT_EQ(goodbye.code(), v1::CODE_ADMINISTRATIVE);
  EXPECT_EQ(goodbye.text(), "out of here");
  broker_.wait_for([](const SeenEvent& e) { return e.kind == BrokerEvent::Kind::kSessionEnded; });
  const Json closed = json("GET /api/v1/closed?name=alice&limit=1");
  ASSERT_EQ(closed["closed"].size(), 1u);
  EXPECT_EQ(closed["closed"][0]["how"], "session_ended");
}

TEST_F(AdminPort, AKickMayKeepTheNameOut) {
  const Json kicked = json("POST /api/v1/kick?name=alice&for_ms=60000");
  EXPECT_EQ(kicked["kicked"], false);
  EXPECT_EQ(kicked["for_ms"], 60'000);
  RawClient alice(broker_.address());
  alice.send(connect_frame("alice"));
  EXPECT_EQ(alice.read_goodbye().code(), v1::CODE_ADMINISTRATIVE);
  json("POST /api/v1/kick?name=alice&for_ms=86400001", 400);
  json("POST /api/v1/kick?name=alice&for_ms=soon", 400);
  json("POST /api/v1/kick?name=alice", 404);
  RawClient(broker_.address()).connect("alice");
}

TEST_F(AdminPort, ADrainIsNotTakenBackOnceClientsWereTold) {
  EXPECT_EQ(json("POST /api/v1/undrain")["draining"], false);
  RawClient alice(broker_.address());
  alice.connect("alice");
  json("POST /api/v1/drain", 202);
  alice.read_announcement();
  json("POST /api/v1/undrain", 409);
  EXPECT_EQ(ask("GET /readyz").body, "draining\n");
}

TEST_F(AdminPort, DrainsOnPostOnly) {
  EXPECT_EQ(json("GET /api/v1/drain")["draining"], false);
  EXPECT_EQ(json("GET /api/v1/drain")["phase"], "none");
  EXPECT_EQ(json("POST /api/v1/drain", 202)["draining"], true);
  Json state = json("GET /api/v1/drain");
  EXPECT_EQ(state["draining"], true);
  EXPECT_EQ(state["connections"], 0);
  while (state["phase"] == "delay" || state["phase"] == "leaving") state = json("GET /api/v1/drain");
  EXPECT_EQ(state["phase"], "drained");
}

TEST_F(AdminPort, SpeaksHttpAsToolsExpect) {
  HttpClient client(port_->address());
  const HttpAnswer whole = client.ask("GET /api/v1/config");
  EXPECT_EQ(whole.body, "{\"settings\":[]}\n");
  const HttpAnswer head = client.ask("HEAD /api/v1/config");
  EXPECT_EQ(head.status, 200u);
  EXPECT_EQ(head.headers.at("Content-Length"), whole.headers.at("Content-Length"));
  EXPECT_EQ(client.ask("GET /nothing").status, 404u);
  EXPECT_EQ(client.ask("GET /api/v1/kick?name=x").headers.at("Allow"), "POST");
  EXPECT_EQ(client.ask("DELETE /api/v1/drain").headers.at("Allow"), "GET, HEAD, POST");
  const HttpAnswer post = client.ask("POST /livez", "Content-Length: 0\r\n");
  EXPECT_EQ(post.status, 405u);
  EXPECT_EQ(post.headers.at("Allow"), "GET, HEAD");
  for (const char* bad :
       {"GET /api/v1/clients?limt=1", "GET /api/v1/clients?limit=1001", "GET /api/v1/clients?limit=x",
        "GET /api/v1/clients?limit=", "GET /api/v1/clients?sort=up", "GET /api/v1/trace?from=a",
        "GET /api/v1/clients?name=a&name=b", "POST /api/v1/kick", "POST /api/v1/kick?name=x&text=%ff"}) {
    EXPECT_EQ(client.ask(bad).status, 400u) << bad;
  }
  EXPECT_EQ(client.ask("POST /api/v1/kick?name=x&text=" + std::string(257, 'x')).status, 400u);
  EXPECT_EQ(client.ask("POST /api/v1/kick?name=x&text=" + std::string(256, 'x')).status, 404u);
  EXPECT_EQ(client.ask("GET /api/v1/clients", "Origin: http://evil.example\r\n").status, 403u);
  EXPECT_EQ(client.ask("GET /livez?x=1", "Origin: http://evil.example\r\n").status, 200u) << "for anybody";
  EXPECT_EQ(client.ask("GET /livez", "Connection: close\r\n").headers.at("Connection"), "close");
  client.wait_for_end();
}

TEST_F(AdminPort, ARefusedRequestIsAnsweredBeforeTheEnd) {
  HttpClient client(port_->address());
  client.send("GET / HTTP/1.1\r\nX: " + std::string(60'000, 'x'));
  const HttpAnswer answer = client.read_answer();
  EXPECT_EQ(answer.status, 431u);
  EXPECT_TRUE(Json::parse(answer.body).contains("error"));
  client.wait_for_end();
}

TEST_F(AdminPort, AUnixSocketIsForItsOwner) {
  const std::string path = testing::TempDir() + "onehop_admin_" + std::to_string(::getpid()) + ".sock";
  start("unix://" + path);
  struct stat file {};
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0177u, 0u);
  EXPECT_EQ(json("GET /api/v1/clients")["found"], 0);
  port_.reset();
  EXPECT_NE(::stat(path.c_str(), &file), 0);
}

TEST_F(AdminPort, SaysWhyItDoesNotStart) {
  std::string error;
  admin::Options options;
  options.listen = port_->address();
  EXPECT_EQ(admin::Port::start(options, *broker_, {}, error), nullptr);
  EXPECT_NE(error.find(port_->address()), std::string::npos) << error;
}

#ifdef ONEHOP_PROMTOOL
// Name and type of each metric that docs/admin.md lists. A row may name several.
std::map<std::string, std::string> metrics_on_the_page() {
  std::map<std::string, std::string> types;
  std::ifstream page(ONEHOP_ADMIN_PAGE);
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `onehop_") && !line.starts_with("| `process_")) continue;
    const size_t names_end = line.find(" | ", 2);
    const size_t type_end = line.find(" | ", names_end + 3);
    const std::string type = line.substr(names_end + 3, type_end - names_end - 3);
    for (size_t at = line.find('`'); at < names_end; at = line.find('`', at)) {
      const size_t end = line.find('`', at + 1);
      EXPECT_TRUE(types.emplace(line.substr(at + 1, end - at - 1), type).second) << "twice: " << line;
      at = end + 1;
    }
  }
  return types;
}

TEST_F(AdminPort, ThePageListsTheMetricsThatAreServed) {
  std::map<std::string, std::string> served;
  std::istringstream lines(ask("GET /metrics").body);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, keyword, name, type;
    if (words >> hash >> keyword >> name >> type && hash == "#" && keyword == "TYPE") served[name] = type;
  }
  EXPECT_FALSE(served.empty());
  EXPECT_EQ(metrics_on_the_page(), served);
}

TEST_F(AdminPort, PromtoolFindsNothingWrongWithTheMetrics) {
  RawClient alice(broker_.address());
  alice.connect("alice");
  alice.send(message_frame("alice", 1, "to myself"));
  alice.send(message_frame("nobody", 2, "to nobody"));
  alice.read_to_pong();
  const HttpAnswer answer = ask("GET /metrics");
  EXPECT_EQ(answer.headers.at("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(answer.body.find("\nonehop_sessions 1\n"), std::string::npos) << answer.body;
  std::FILE* promtool = ::popen(ONEHOP_PROMTOOL " check metrics 2>&1", "w");
  ASSERT_NE(promtool, nullptr);
  std::fwrite(answer.body.data(), 1, answer.body.size(), promtool);
  EXPECT_EQ(::pclose(promtool), 0) << answer.body;
}
#endif

}  // namespace
}  // namespace onehop::test
