// What checks of credentials and verdicts of permissions cost, each alone: the figures in docs/identity.md.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "identity/permissions.h"
#include "identity/users_file.h"

namespace onehop::identity {
namespace {

// A thousand roles' worth of rules; what is asked for is the last of them.
std::shared_ptr<const Permissions> permissions() {
  std::string text = "[roles.a]\nallow.names = [\"%p\"]\nallow.send = [";
  for (int i = 0; i < 1'000; ++i) text += "\"hub-" + std::to_string(i) + "\", \"area-" + std::to_string(i) + "-*\", ";
  text += "]\ndeny.send = [\"hub-admin\"]\n[principals]\n\"device-*\" = [\"a\"]\n";
  std::vector<std::string> problems;
  return Permissions::parse(text, "file", problems);
}

void verdict(benchmark::State& state) {
  const auto rules = permissions();
  for (auto _ : state) benchmark::DoNotOptimize(rules->decide({"device-17"}, Right::kSend, "area-999-x").allowed);
}
BENCHMARK(verdict);

std::shared_ptr<const UsersFile> users(const std::string& hash) {
  std::vector<std::string> problems;
  return UsersFile::parse("alice:" + hash + "\n", "users", problems);
}

void generated_secret(benchmark::State& state) {
  const std::string secret = make_secret();
  const auto file = users(SecretHash::quick_text(secret));
  for (auto _ : state) benchmark::DoNotOptimize(file->check_quickly("alice", secret));
}
BENCHMARK(generated_secret);

void password_the_first_time(benchmark::State& state) {
  const auto file = users(SecretHash::slow_text("correct horse").value());
  for (auto _ : state) benchmark::DoNotOptimize(file->check_slowly("alice", "wrong horse"));
}
BENCHMARK(password_the_first_time)->Unit(benchmark::kMillisecond);

// What a restart of ten thousand clients costs whose passwords have been right before.
void ten_thousand_remembered_passwords(benchmark::State& state) {
  const auto file = users(SecretHash::slow_text("correct horse").value());
  static_cast<void>(file->check_slowly("alice", "correct horse"));
  for (auto _ : state) {
    for (int i = 0; i < 10'000; ++i) benchmark::DoNotOptimize(file->check_quickly("alice", "correct horse"));
  }
}
BENCHMARK(ten_thousand_remembered_passwords)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace onehop::identity
